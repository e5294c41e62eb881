import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from './wait.ts';

test('the first value that is not undefined is returned, errors before it do not count', async () => {
  const outcomes = [undefined, new Error('not yet'), 'value'];
  const value = await waitFor({ what: 'a value', timeoutMs: 1_000, intervalMs: 1 }, async () => {
    const outcome = outcomes.shift();
    if (outcome instanceof Error) throw outcome;
    return outcome;
  });
  assert.equal(value, 'value');
});

test('after the timeout the last error is in the message and is the cause', async () => {
  const cause = new Error('connection refused');
  await assert.rejects(
    waitFor({ what: 'the server to respond', timeoutMs: 20, intervalMs: 1 }, () => Promise.reject(cause)),
    { message: 'waited 0.02 s for the server to respond; last error: connection refused', cause },
  );
});

test('an aborted signal ends the wait', async () => {
  const signal = AbortSignal.abort('the process died');
  await assert.rejects(
    waitFor({ what: 'a response', timeoutMs: 10_000, signal }, async () => undefined),
    { message: 'stopped waiting for a response', cause: 'the process died' },
  );
});
