import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { requestIdToBytes } from '#core/requestId.ts';
import { Partitioning } from './partitioning.ts';

describe('keys hash as in Java', () => {
  // From Kafka's own UtilsTest.testMurmur2.
  for (const [key, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const) {
    test(key, () => {
      for (const count of [1, 3, 12, 1024]) {
        assert.equal(new Partitioning(count).partitionFor(Buffer.from(key)), (hash & 0x7fffffff) % count);
      }
    });
  }
});

test('every id has a partition that exists, always the same one', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 1, max: 1024 }), (id, count) => {
      const key = requestIdToBytes(id);
      const partition = new Partitioning(count).partitionFor(key);
      assert.ok(Number.isInteger(partition) && partition >= 0 && partition < count);
      assert.equal(new Partitioning(count).partitionFor(Uint8Array.from(key)), partition);
    }),
  );
});

test('ids spread evenly', () => {
  const partitioning = new Partitioning(10);
  const counts = Array<number>(10).fill(0);
  for (let id = 0; id < 10_000; id++) {
    const partition = partitioning.partitionFor(Buffer.from(id.toString(16).padStart(32, '0'), 'hex'));
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  assert.ok(Math.min(...counts) > 800 && Math.max(...counts) < 1200, String(counts));
});
