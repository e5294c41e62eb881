import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bothOrNeither } from './both.ts';

const never = new AbortController().signal;

test('both results are returned', async () => {
  assert.deepEqual(
    await bothOrNeither(
      never,
      async () => 1,
      async () => 'two',
    ),
    [1, 'two'],
  );
});

test('when one fails the other is aborted and awaited, and the first failure is thrown', async () => {
  let isReleased = false;
  const other = async (signal: AbortSignal) => {
    await sleep(60_000, undefined, { signal }).catch(() => {});
    await sleep(5);
    isReleased = true;
    throw new Error('stopped');
  };
  await assert.rejects(
    bothOrNeither(never, async () => Promise.reject(new Error('the cause')), other),
    /the cause/,
  );
  assert.ok(isReleased);
});

test('Ctrl-C itself is thrown, not the failures that it caused', async () => {
  const interruption = new AbortController();
  const work = async (signal: AbortSignal) => {
    interruption.abort(new Error('interrupted'));
    await sleep(60_000, undefined, { signal });
  };
  await assert.rejects(bothOrNeither(interruption.signal, work, work), /interrupted/);
});
