import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppendedBatch, LogRecordInput } from '#services/eventlog/port.ts';
import { Batcher, type BatcherLimits, NeverSentError, QueueFullError } from './batcher.ts';

/** A log whose appends end when the test says so. */
class FakeLog {
  readonly appends: { partition: number; ids: string[]; deadline: number; end: PromiseWithResolvers<AppendedBatch> }[] =
    [];
  readonly queue: number[] = [];
  readonly ended: { records: number; error: unknown }[] = [];
  now = 1_000;
  readonly batcher: Batcher;

  constructor(limits: Partial<BatcherLimits> = {}) {
    this.batcher = new Batcher({
      append: (partition, records, { deadline }) => {
        const end = Promise.withResolvers<AppendedBatch>();
        this.appends.push({ partition, ids: records.map(({ key }) => Buffer.from(key).toString()), deadline, end });
        return end.promise;
      },
      limits: { queueMax: 100, batchRecordsMax: 10, batchBytesMax: 1_000, ...limits },
      now: () => this.now,
      onQueue: (additions) => this.queue.push(additions),
      onAppend: ({ records, error }) => this.ended.push({ records, error }),
    });
  }

  add(partition: number, id: string, deadline = 10_000): Promise<bigint> {
    return this.batcher.add(partition, record(id), deadline);
  }

  acknowledge(index: number, baseOffset: bigint): void {
    const append = this.appends[index];
    assert.ok(append, `there is no append ${index}`);
    append.end.resolve({ partition: append.partition, baseOffset, appendedAt: undefined });
  }
}

const record = (id: string): LogRecordInput => ({ key: Buffer.from(id), value: Buffer.alloc(10), headers: {} });
const turn = () => new Promise(setImmediate);

test('one append per partition is in flight while the next gathers, and each record gets its own offset', async () => {
  const log = new FakeLog();
  const first = log.add(0, 'a');
  await turn();
  const [second, third] = [log.add(0, 'b'), log.add(0, 'c')];
  const other = log.add(1, 'd');
  await turn();
  assert.deepEqual(
    log.appends.map(({ partition, ids }) => [partition, ids]),
    [
      [0, ['a']],
      [1, ['d']],
    ],
  );
  log.acknowledge(0, 41n);
  assert.equal(await first, 41n);
  await turn();
  assert.deepEqual(log.appends[2]?.ids, ['b', 'c']);
  log.acknowledge(2, 90n);
  assert.deepEqual(await Promise.all([second, third]), [90n, 91n]);
  log.acknowledge(1, 7n);
  assert.equal(await other, 7n);
  assert.equal(log.queue.at(-1), 0);
});

test('what arrives together leaves together, up to the limits of records and bytes', async () => {
  const log = new FakeLog({ batchRecordsMax: 3 });
  const offsets = ['a', 'b', 'c', 'd', 'e'].map((id) => log.add(0, id));
  await turn();
  assert.deepEqual(log.appends[0]?.ids, ['a', 'b', 'c']);
  log.acknowledge(0, 0n);
  await turn();
  log.acknowledge(1, 3n);
  assert.deepEqual(await Promise.all(offsets), [0n, 1n, 2n, 3n, 4n]);

  const small = new FakeLog({ batchBytesMax: 25 });
  for (const id of ['a', 'b', 'c']) void small.add(0, id);
  await turn();
  assert.deepEqual(small.appends[0]?.ids, ['a', 'b']);
  const tiny = new FakeLog({ batchBytesMax: 1 });
  void tiny.add(0, 'larger than the limit');
  await turn();
  assert.equal(tiny.appends.length, 1, 'a record that is too large goes alone, it does not wait for ever');
});

test('a failed append fails its own records alone, and the lane goes on', async () => {
  const log = new FakeLog();
  const outcomes = Promise.allSettled([log.add(0, 'a'), log.add(0, 'b')]);
  await turn();
  const later = log.add(0, 'c');
  const lost = new Error('no answer');
  log.appends[0]?.end.reject(lost);
  const settled = await outcomes;
  assert.deepEqual(
    settled.map((outcome) => outcome.status === 'rejected' && outcome.reason),
    [lost, lost],
  );
  await turn();
  log.acknowledge(1, 5n);
  assert.equal(await later, 5n);
  assert.deepEqual(log.ended, [
    { records: 2, error: lost },
    { records: 1, error: undefined },
  ]);
});

test('a full queue refuses without taking, over all partitions, and takes again when there is room', async () => {
  const log = new FakeLog({ queueMax: 2 });
  const one = log.add(0, 'a');
  void log.add(1, 'b');
  await assert.rejects(log.add(2, 'c'), QueueFullError);
  await turn();
  log.acknowledge(0, 0n);
  await one;
  void log.add(2, 'd');
  await turn();
  assert.deepEqual(
    log.appends.map(({ ids }) => ids[0]),
    ['a', 'b', 'd'],
  );
});

test('an addition whose deadline passed while it waited is never sent', async () => {
  const log = new FakeLog();
  void log.add(0, 'a');
  await turn();
  const impatient = log.add(0, 'b', 2_000);
  const refused = assert.rejects(impatient, NeverSentError);
  const patient = log.add(0, 'c', 9_000);
  log.now = 3_000;
  log.acknowledge(0, 0n);
  await refused;
  await turn();
  assert.deepEqual(log.appends[1]?.ids, ['c']);
  log.acknowledge(1, 1n);
  assert.equal(await patient, 1n);
  assert.equal(log.queue.at(-1), 0);
});

test('an append may try as long as its most patient addition waits', async () => {
  const log = new FakeLog();
  void log.add(0, 'a', 2_000);
  void log.add(0, 'b', 8_000);
  void log.add(0, 'c', 4_000);
  await turn();
  assert.equal(log.appends[0]?.deadline, 8_000);
});
