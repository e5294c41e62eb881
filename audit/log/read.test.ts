import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isHole, type LogItem } from '#audit/judge/log.ts';
import { buildBatch, marker } from '#audit/testing/batch.ts';
import type { Fetched } from './fetch.ts';
import { readLog } from './read.ts';
import { kafkaErrors } from './topic.ts';

interface FakeLog {
  /** Batches with their first offset and, as `end`, their last offset plus one. */
  readonly batches: readonly { readonly firstOffset: bigint; readonly end: bigint; readonly bytes: Buffer }[];
  readonly start: bigint;
  readonly end: bigint;
  readonly lastStableOffset?: bigint;
}

function batch(firstOffset: bigint, count: number, options: { lastDelta?: number; isControl?: boolean } = {}) {
  const records = Array.from({ length: count }, () => ({ key: Buffer.from('k'), value: Buffer.from('v') }));
  const { lastDelta = count - 1, isControl = false } = options;
  const bytes = buildBatch({ firstOffset, records: isControl ? [marker('commit')] : records, lastDelta, isControl });
  return { firstOffset, end: firstOffset + BigInt(lastDelta) + 1n, bytes };
}

/** Makes a leader that delivers one batch for each request: the batch that holds the requested offset. */
function fakeTopic({ batches, start, end, lastStableOffset = end }: FakeLog) {
  return {
    async fetch(_partition: number, offset: bigint): Promise<Fetched> {
      const isOut = offset < start || offset > end;
      const found = isOut ? undefined : batches.find((one) => offset < one.end);
      const errorCode = isOut ? kafkaErrors.offsetOutOfRange : 0;
      const records = offset < lastStableOffset ? (found?.bytes ?? Buffer.alloc(0)) : Buffer.alloc(0);
      return { errorCode, highWatermark: end, lastStableOffset, aborted: [], records };
    },
    readRange: async () => ({ start, end }),
  };
}

async function read(log: FakeLog, from: bigint, to: bigint): Promise<string[]> {
  const shapes: string[] = [];
  const describeItem = (item: LogItem) =>
    isHole(item) ? `${item.kind} ${item.from}-${item.to - 1n}` : `${item.kind} ${item.offset}`;
  const options = { topic: fakeTopic(log), partition: 0, from, to, retry: <T>(ask: () => Promise<T>) => ask() };
  for await (const item of readLog(options)) shapes.push(describeItem(item));
  return shapes;
}

describe('the log of a partition', () => {
  test('is read from the requested offset to the one before the end', async () => {
    const log = { batches: [batch(0n, 4), batch(4n, 4)], start: 0n, end: 8n };
    assert.deepEqual(await read(log, 2n, 6n), ['invalid 2', 'invalid 3', 'invalid 4', 'invalid 5']);
    assert.deepEqual(await read(log, 3n, 3n), []);
  });

  test('names what retention removed', async () => {
    const log = { batches: [batch(4n, 2)], start: 4n, end: 6n };
    assert.deepEqual(await read(log, 0n, 6n), ['removed 0-3', 'invalid 4', 'invalid 5']);
    assert.deepEqual(await read(log, 0n, 3n), ['removed 0-2']);
  });

  test('names what is missing before, inside and after a batch', async () => {
    const log = { batches: [batch(2n, 1, { lastDelta: 2 }), batch(6n, 1)], start: 0n, end: 7n };
    assert.deepEqual(await read(log, 0n, 7n), ['missing 0-1', 'invalid 2', 'missing 3-4', 'missing 5-5', 'invalid 6']);
  });

  test('reports that it ends too early, for a start at its end or after it', async () => {
    const log = { batches: [batch(0n, 2)], start: 0n, end: 2n };
    assert.deepEqual(await read(log, 0n, 5n), ['invalid 0', 'invalid 1', 'cut 2-4']);
    assert.deepEqual(await read(log, 4n, 5n), ['cut 4-4']);
  });

  test('gives markers their offsets', async () => {
    const log = { batches: [batch(0n, 1), batch(1n, 1, { isControl: true })], start: 0n, end: 2n };
    assert.deepEqual(await read(log, 0n, 2n), ['invalid 0', 'withheld 1']);
  });

  test('names a batch that cannot be read, and continues after it', async () => {
    const damaged = batch(1n, 2);
    damaged.bytes.writeUInt8(damaged.bytes.readUInt8(70) ^ 1, 70);
    const log = { batches: [batch(0n, 1), damaged, batch(3n, 1)], start: 0n, end: 4n };
    assert.deepEqual(await read(log, 0n, 4n), ['invalid 0', 'unreadable 1-2', 'invalid 3']);
    assert.deepEqual(await read(log, 2n, 4n), ['unreadable 2-2', 'invalid 3']);
  });

  test('ends at an open transaction', async () => {
    const log = { batches: [batch(0n, 1), batch(1n, 1)], start: 0n, end: 2n, lastStableOffset: 1n };
    assert.deepEqual(await read(log, 0n, 2n), ['invalid 0', 'unreadable 1-1']);
  });

  test('ends when the broker delivers no records although the log has more', async () => {
    assert.deepEqual(await read({ batches: [], start: 0n, end: 3n }, 0n, 3n), ['unreadable 0-2']);
  });
});
