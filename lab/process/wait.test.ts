import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from './wait.ts';

test('the first value that is not undefined is the answer, errors before it do not count', async () => {
  const outcomes = [undefined, new Error('not yet'), 'value'];
  const value = await waitFor({ what: 'a value', timeoutMs: 1_000, intervalMs: 1 }, async () => {
    const outcome = outcomes.shift();
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
  assert.equal(value, 'value');
});

test('when the time is over the last error is told and is the cause', async () => {
  const cause = new Error('connection refused');
  await assert.rejects(
    waitFor({ what: 'the server to answer', timeoutMs: 20, intervalMs: 1 }, () => Promise.reject(cause)),
    { message: 'waited 0.02 s for the server to answer; last seen: connection refused', cause },
  );
});

test('an aborted signal ends the wait', async () => {
  const signal = AbortSignal.abort('the process died');
  await assert.rejects(
    waitFor({ what: 'an answer', timeoutMs: 10_000, signal }, async () => undefined),
    { message: 'stopped waiting for an answer', cause: 'the process died' },
  );
});
