import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Position } from '#core/vector.ts';
import { Waiting } from './waiting.ts';

const position = (partition: number, offset: bigint): Position => ({ partition, offset, logEpoch: 1 });

/** Builds a Waiting with fake books and a fake topic. */
function start({ vector = [] as Position[], partitions = 1 } = {}) {
  const seen = { vector, partitions, asked: 0, nowMs: 0 };
  const waiting = new Waiting({
    readVector: async () => {
      // Every read takes half a second of the fake clock.
      seen.nowMs += 500;
      return seen.vector;
    },
    readPartitions: async () => {
      seen.asked += 1;
      return new Set(Array.from({ length: seen.partitions }, (_, partition) => partition));
    },
  });
  const until = (atLeast: readonly Position[], deadline = 10_000) => {
    const { signal } = new AbortController();
    return waiting.until({ atLeast, logEpoch: 1, deadline, signal, now: () => seen.nowMs });
  };
  return { seen, until };
}

test('a partition that the topic does not have is refused long before the deadline', async () => {
  const { seen, until } = start({ vector: [position(0, 5n)], partitions: 12 });
  await assert.rejects(until([position(999, 0n)]), {
    code: 'invalid-field',
    message: 'atLeast names partition 999; the highest partition of the topic is 11',
  });
  assert.equal(seen.asked, 1);
  assert.ok(seen.nowMs < 4_000, `refused at ${seen.nowMs} ms of 10,000`);
});

test('a request for a partition that was just added waits', async () => {
  const { seen, until } = start({ partitions: 2 });
  const waited = until([position(1, 0n)]);
  seen.vector = [position(1, 0n)];
  await waited;
  assert.equal(seen.asked, 0);
});

test('a request for an empty partition waits until the deadline, and Kafka is asked once', async () => {
  const { seen, until } = start({ partitions: 2 });
  await assert.rejects(until([position(1, 0n)]), {
    code: 'position-not-reached',
    message: 'not counted before the deadline: 1:0; wait longer, or check whether the aggregators make progress',
  });
  assert.equal(seen.asked, 1);
});

test('a request for a partition without records waits while Kafka does not respond', async () => {
  const waiting = new Waiting({
    readVector: async () => [],
    readPartitions: () => Promise.reject(new Error('no broker answers')),
  });
  let nowMs = 0;
  const { signal } = new AbortController();
  const options = { logEpoch: 1, deadline: 5_000, signal, now: () => (nowMs += 500) };
  await assert.rejects(waiting.until({ atLeast: [position(999, 0n)], ...options }), { code: 'position-not-reached' });
});
