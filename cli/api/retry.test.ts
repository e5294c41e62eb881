import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GaveUp, Refused, TryAgain } from './failure.ts';
import { type RetryOptions, withRetries } from './retry.ts';

/** Makes options whose clock moves only during sleeps. */
function createWorld(overrides: Partial<RetryOptions> = {}) {
  let time = 0;
  const sleeps: number[] = [];
  const options: RetryOptions = {
    deadlineMs: 10_000,
    now: () => time,
    random: () => 1,
    signal: new AbortController().signal,
    sleep: async (ms) => {
      sleeps.push(ms);
      time += ms;
    },
    ...overrides,
  };
  return { options, sleeps, advance: (ms: number) => (time += ms) };
}

const unavailable = () => new TryAgain('try later', { mayBeWritten: true });

test('a response after failures is returned, and the waits grow', async () => {
  const { options, sleeps } = createWorld();
  let attempts = 0;
  const answer = await withRetries(async () => {
    attempts += 1;
    if (attempts < 5) throw unavailable();
    return 'done';
  }, options);
  assert.equal(answer, 'done');
  assert.deepEqual(sleeps, [100, 200, 400, 800]);
});

test('a refusal is final: it is thrown at once', async () => {
  const { options, sleeps } = createWorld();
  const refusal = new Refused({ status: 409, code: 'id-conflict', detail: 'no' });
  await assert.rejects(
    withRetries(() => Promise.reject(refusal), options),
    refusal,
  );
  assert.deepEqual(sleeps, []);
});

test('the deadline ends the retries, with the number of attempts and the last reason', async () => {
  const { options, sleeps } = createWorld({ deadlineMs: 1_000 });
  await assert.rejects(
    withRetries(() => Promise.reject(unavailable()), options),
    (error: unknown) => {
      assert.ok(error instanceof GaveUp);
      assert.equal(error.message, 'try later');
      assert.equal(error.attempts, 4);
      return true;
    },
  );
  assert.deepEqual(sleeps, [100, 200, 400]);
});

test('one attempt that may have written makes the whole outcome unknown', async () => {
  const { options } = createWorld({ deadlineMs: 500 });
  const failures = [unavailable(), new TryAgain('queue full', { mayBeWritten: false })];
  let attempt = 0;
  await assert.rejects(
    withRetries(() => Promise.reject(failures[attempt++] ?? failures[1]), options),
    (error: unknown) => error instanceof GaveUp && error.mayBeWritten,
  );
  const { options: other } = createWorld({ deadlineMs: 500 });
  await assert.rejects(
    withRetries(() => Promise.reject(failures[1]), other),
    (error: unknown) => error instanceof GaveUp && !error.mayBeWritten,
  );
});

test('a service can request a longer wait, up to a bound', async () => {
  const { options, sleeps } = createWorld({ deadlineMs: 100_000 });
  const asked = [2_000, 3_600_000];
  await withRetries(async () => {
    const afterMs = asked.shift();
    if (afterMs !== undefined) throw new TryAgain('busy', { mayBeWritten: false, afterMs });
  }, options);
  assert.deepEqual(sleeps, [2_000, 30_000]);
});

test('Ctrl-C during a wait throws the interruption, not the last failure', async () => {
  const interruption = new AbortController();
  const { options } = createWorld({
    signal: interruption.signal,
    sleep: async () => interruption.abort(new Error('interrupted')),
  });
  await assert.rejects(
    withRetries(() => Promise.reject(unavailable()), options),
    /^Error: interrupted$/,
  );
});
