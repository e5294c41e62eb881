import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { crc32c } from '@platformatic/kafka';
import { buildBatch, marker } from '#audit/testing/batch.ts';
import { type Batch, readBatches } from './batches.ts';

const records = ['one', 'two', 'three'].map((word) => ({
  key: Buffer.from(word),
  value: Buffer.from(word.repeat(100)),
  headers: new Map([[Buffer.from('name'), Buffer.from(word)]]),
}));

const read = (bytes: Buffer, aborted: { producerId: bigint; firstOffset: bigint }[] = []) => [
  ...readBatches(bytes, aborted),
];

/** Returns a short text that describes a batch. */
function shape(batch: Batch): string {
  const range = `${batch.firstOffset}-${batch.lastOffset}`;
  if (batch.kind === 'unreadable') return `${range} unreadable`;
  const offsets = batch.kind === 'records' ? batch.records.map(({ offset }) => offset) : batch.offsets;
  return `${range} ${batch.kind} ${offsets.join(' ')}`;
}

describe('batches of the log', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`packed with ${compression} are read with key, value and headers of their records`, () => {
      const [batch] = read(buildBatch({ firstOffset: 40n, records, compression }));
      assert.ok(
        batch?.kind === 'records',
        JSON.stringify(batch, (_, value) => String(value)),
      );
      assert.deepEqual(
        batch.records.map(({ offset, key, value, headers }) => [
          offset,
          String(key),
          String(value),
          headers.map((header) => `${header.name}=${header.value}`).join(),
        ]),
        records.map(({ key, value }, index) => [40n + BigInt(index), String(key), String(value), `name=${key}`]),
      );
    });
  }

  test('are read in order, and a batch that is cut off at the end is left out', () => {
    const two = Buffer.concat([buildBatch({ firstOffset: 0n, records }), buildBatch({ firstOffset: 3n, records })]);
    assert.deepEqual(read(two).map(shape), ['0-2 records 0 1 2', '3-5 records 3 4 5']);
    assert.deepEqual(read(two.subarray(0, -1)).map(shape), ['0-2 records 0 1 2']);
    assert.deepEqual(read(Buffer.alloc(0)), []);
  });

  test('that were compacted keep the range that they had', () => {
    assert.deepEqual(read(buildBatch({ firstOffset: 0n, records, lastDelta: 9 })).map(shape), ['0-9 records 0 1 2']);
  });

  test('with a wrong checksum or of an old format are not read, but the batches after them are', () => {
    const damaged = buildBatch({ firstOffset: 0n, records });
    damaged.writeUInt8(damaged.readUInt8(100) ^ 1, 100);
    const old = buildBatch({ firstOffset: 3n, records });
    old.writeInt8(1, 16);
    const good = buildBatch({ firstOffset: 6n, records });
    const batches = read(Buffer.concat([damaged, old, good]));
    assert.deepEqual(batches.map(shape), ['0-2 unreadable', '3-5 unreadable', '6-8 records 6 7 8']);
  });

  test('with fewer records than in their header are not read', () => {
    const batch = buildBatch({ firstOffset: 0n, records: records.slice(0, 1), lastDelta: 2 });
    batch.writeInt32BE(3, 57);
    assert.deepEqual(read(repaired(batch)).map(shape), ['0-2 unreadable']);
  });

  test('of an aborted transaction are withheld up to its marker, but other batches are not', () => {
    const [mine, other] = [7n, 8n];
    const transactional = { records: records.slice(0, 1), isTransactional: true };
    const end = { isTransactional: true, isControl: true };
    const bytes = Buffer.concat([
      buildBatch({ ...transactional, firstOffset: 0n, producerId: mine }),
      buildBatch({ ...transactional, firstOffset: 1n, producerId: other }),
      buildBatch({ ...end, records: [marker('abort')], firstOffset: 2n, producerId: mine }),
      buildBatch({ ...transactional, firstOffset: 3n, producerId: mine }),
      buildBatch({ ...end, records: [marker('commit')], firstOffset: 4n, producerId: mine }),
      buildBatch({ firstOffset: 5n, records: records.slice(0, 1) }),
    ]);
    assert.deepEqual(read(bytes, [{ producerId: mine, firstOffset: 0n }]).map(shape), [
      '0-0 withheld 0',
      '1-1 records 1',
      '2-2 withheld 2',
      '3-3 records 3',
      '4-4 withheld 4',
      '5-5 records 5',
    ]);
  });
});

/** Returns the batch with the right checksum for its bytes. */
function repaired(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}
