import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { WorkQueue } from './queue.ts';

function newQueue(random = () => 0.5) {
  const clock = new FakeClock();
  const options = {
    name: 'test',
    clock,
    random,
    metrics: createRecordingMetrics(),
    retryMinimumMs: 100,
    retryMaximumMs: 1000,
  };
  return { clock, queue: new WorkQueue(options), signal: new AbortController().signal };
}

test('a key that is added three times is taken once', async () => {
  const { queue, signal } = newQueue();
  for (let i = 0; i < 3; i += 1) queue.add('a');
  queue.add('b');
  assert.equal(await queue.take(signal), 'a');
  assert.equal(await queue.take(signal), 'b');
  assert.equal(queue.snapshot().ready, 0);
});

test('a key added while a worker has it waits for that worker and is taken once more', async () => {
  const { queue, signal } = newQueue();
  queue.add('a');
  await queue.take(signal);
  queue.add('a');
  queue.add('a');
  assert.deepEqual([queue.snapshot().ready, queue.snapshot().active], [0, 1]);
  queue.done('a');
  assert.equal(await queue.take(signal), 'a');
  queue.done('a');
  assert.equal(queue.snapshot().ready, 0);
});

test('a waiting worker gets the next key, and undefined when its signal aborts', async () => {
  const { queue } = newQueue();
  const first = new AbortController();
  const leaving = queue.take(first.signal);
  const staying = queue.take(new AbortController().signal);
  first.abort();
  assert.equal(await leaving, undefined);
  queue.add('a');
  assert.equal(await staying, 'a');
});

test('the earlier of two delays wins', async () => {
  const { clock, queue } = newQueue();
  queue.addAfter('a', 500);
  queue.addAfter('a', 200);
  queue.addAfter('a', 900);
  await clock.advance(199);
  assert.equal(queue.snapshot().ready, 0);
  await clock.advance(1);
  assert.equal(queue.snapshot().ready, 1);
  assert.equal(queue.snapshot().delayed, 0);
});

test('taking a key drops its delay: the pass returns when to run again', async () => {
  const { clock, queue, signal } = newQueue();
  queue.addAfter('a', 500);
  queue.add('a');
  await queue.take(signal);
  queue.done('a');
  await clock.advance(1000);
  assert.equal(queue.snapshot().ready, 0);
});

test('the wait grows with each retry up to the maximum, and is short again after a success', () => {
  const { queue } = newQueue(() => 1);
  const waits = Array.from({ length: 6 }, () => queue.retry('a'));
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  queue.forget('a');
  assert.equal(queue.retry('a'), 100);
});

test('a retry is never earlier than the server requested', () => {
  const { queue } = newQueue();
  assert.equal(queue.retry('a', 5000), 5000);
});

test('jitter spreads retries over the upper half of the wait', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      const wait = newQueue(() => random).queue.retry('a');
      assert(wait >= 50 && wait <= 100, `${wait}`);
    }),
  );
});

test('a closed queue returns no key, and is idle when the last pass ends', async () => {
  const { queue, signal } = newQueue();
  queue.add('a');
  queue.add('b');
  await queue.take(signal);
  let isIdle = false;
  const idle = queue.whenIdle().then(() => {
    isIdle = true;
  });
  queue.close();
  assert.equal(await queue.take(signal), undefined);
  assert.equal(isIdle, false);
  queue.done('a');
  await idle;
  assert.equal(queue.snapshot().ready, 0);
});

test('with any order of calls no key has two workers, and no added key is lost', async () => {
  const call = fc.record({
    what: fc.constantFrom('add', 'addAfter', 'take', 'done', 'wait'),
    key: fc.constantFrom('a', 'b', 'c'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
      const { clock, queue, signal } = newQueue();
      const active = new Set<string>();
      const owed = new Set<string>();
      const take = async () => {
        if (queue.snapshot().ready === 0) return;
        const key = await queue.take(signal);
        assert(key !== undefined && !active.has(key), `${key} has two workers`);
        active.add(key);
        owed.delete(key);
      };
      for (const { what, key } of calls) {
        if (what === 'take') await take();
        else if (what === 'wait') await clock.advance(10);
        else if (what === 'done') {
          if (active.delete(key)) queue.done(key);
        } else {
          owed.add(key);
          if (what === 'add') queue.add(key);
          else queue.addAfter(key, 5);
        }
      }
      for (const key of active) queue.done(key);
      active.clear();
      await clock.advance(10);
      while (queue.snapshot().ready > 0) await take();
      assert.deepEqual([...owed], []);
    }),
    { numRuns: 200 },
  );
});
