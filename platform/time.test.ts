import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs, DeadlineError, pause, withDeadline } from './time.ts';

test('work that ends in time gives its value or its error', async () => {
  assert.equal(await withDeadline('work', 1_000, Promise.resolve(7)), 7);
  await assert.rejects(withDeadline('work', 1_000, Promise.reject(new Error('its own'))), /its own/);
});

test('work that takes too long is named in an error, and its late failure has no effect', async () => {
  const late = Promise.withResolvers<void>();
  await assert.rejects(withDeadline('the work', 20, late.promise), (error: unknown) => {
    assert.ok(error instanceof DeadlineError);
    assert.equal(error.message, 'the work did not end within 20 ms');
    return true;
  });
  late.reject(new Error('late'));
  await pause(1);
});

test('a pause ends early, without an error, when its signal aborts', async () => {
  const stopping = new AbortController();
  const startedAt = performance.now();
  const paused = pause(60_000, stopping.signal);
  stopping.abort();
  await paused;
  await pause(60_000, stopping.signal);
  assert.ok(performance.now() - startedAt < 5_000);
});

test('backoff doubles up to its maximum and never leaves the upper half', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, luck) => {
      const ms = backoffMs(attempt, { minimumMs: 100, maximumMs: 5_000, random: () => luck });
      const ceiling = Math.min(5_000, 100 * 2 ** attempt);
      assert.ok(ms >= Math.floor(ceiling / 2) && ms <= ceiling, `${ms} of ${ceiling}`);
    }),
  );
});
