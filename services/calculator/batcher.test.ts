import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppendError, type AppendedBatch, type LogRecordInput } from '#services/eventlog/port.ts';
import { Batcher, type BatcherLimits, NeverSentError, QueueFullError } from './batcher.ts';

/** A fake log. Each write waits until the test ends it. */
class FakeLog {
  readonly writes: { ids: string[]; deadline: number; end: PromiseWithResolvers<AppendedBatch> }[] = [];
  readonly queue: number[] = [];
  now = 1_000;
  readonly batcher: Batcher;

  constructor(limits: Partial<BatcherLimits> = {}) {
    this.batcher = new Batcher({
      write: (records, deadline) => {
        const end = Promise.withResolvers<AppendedBatch>();
        this.writes.push({ ids: records.map(({ key }) => Buffer.from(key).toString()), deadline, end });
        return end.promise;
      },
      limits: { queueMax: 100, batchRecordsMax: 10, batchBytesMax: 1_000, writesMax: 2, ...limits },
      now: () => this.now,
      onQueue: (additions) => this.queue.push(additions),
    });
  }

  add(id: string, deadline = 10_000) {
    return this.batcher.add(record(id), deadline);
  }

  acknowledge(index: number, partition: number, baseOffset: bigint): void {
    const write = this.writes[index];
    assert.ok(write, `there is no write ${index}`);
    write.end.resolve({ partition, baseOffset, appendedAt: undefined });
  }

  ids(): string[] {
    return this.writes.map(({ ids }) => ids.join(''));
  }
}

const record = (id: string): LogRecordInput => ({ key: Buffer.from(id), value: Buffer.alloc(10), headers: {} });
const turn = () => new Promise(setImmediate);

test('writesMax writes are in flight while the next batch fills, and each record gets its own position', async () => {
  const log = new FakeLog();
  const first = log.add('a');
  await turn();
  const second = log.add('b');
  await turn();
  const rest = [log.add('c'), log.add('d')];
  await turn();
  assert.deepEqual(log.ids(), ['a', 'b']);
  log.acknowledge(0, 4, 41n);
  assert.deepEqual(await first, { partition: 4, offset: 41n });
  await turn();
  assert.deepEqual(log.ids(), ['a', 'b', 'cd']);
  log.acknowledge(2, 5, 90n);
  assert.deepEqual(await Promise.all(rest), [
    { partition: 5, offset: 90n },
    { partition: 5, offset: 91n },
  ]);
  log.acknowledge(1, 0, 7n);
  await second;
  assert.equal(log.queue.at(-1), 0);
});

test('a single addition does not wait, and additions that arrive together are sent together', async () => {
  const log = new FakeLog();
  void log.add('a');
  await turn();
  assert.deepEqual(log.ids(), ['a']);
  const many = new FakeLog({ batchRecordsMax: 3 });
  for (const id of ['a', 'b', 'c', 'd', 'e']) void many.add(id);
  await turn();
  assert.deepEqual(many.ids(), ['abc', 'de']);
});

test('a batch has no more bytes than its limit, and a record above the limit is sent alone', async () => {
  const small = new FakeLog({ batchBytesMax: 25 });
  for (const id of ['a', 'b', 'c']) void small.add(id);
  await turn();
  assert.deepEqual(small.ids(), ['ab', 'c']);
  const tiny = new FakeLog({ batchBytesMax: 1 });
  void tiny.add('larger than the limit');
  await turn();
  assert.equal(tiny.writes.length, 1);
});

test('a failed write rejects only its own records, and the next batch is written', async () => {
  const log = new FakeLog({ writesMax: 1 });
  const outcomes = Promise.allSettled([log.add('a'), log.add('b')]);
  await turn();
  const later = log.add('c');
  const lost = new AppendError('no answer');
  log.writes[0]?.end.reject(lost);
  assert.deepEqual(
    (await outcomes).map((outcome) => outcome.status === 'rejected' && outcome.reason),
    [lost, lost],
  );
  await turn();
  log.acknowledge(1, 2, 5n);
  assert.deepEqual(await later, { partition: 2, offset: 5n });
  assert.equal(log.queue.at(-1), 0);
});

test('a batch that is too large for the log is split until the record that is too large is alone', async () => {
  const log = new FakeLog();
  const outcomes = Promise.allSettled(['a', 'b', 'c'].map((id) => log.add(id)));
  await turn();
  const refuse = (index: number) =>
    log.writes[index]?.end.reject(new AppendError('too large', { outcome: 'tooLarge' }));
  refuse(0);
  await turn();
  assert.deepEqual(log.ids(), ['abc', 'ab', 'c']);
  log.acknowledge(2, 1, 8n);
  refuse(1);
  await turn();
  assert.deepEqual(log.ids().slice(3), ['a', 'b']);
  refuse(3);
  log.acknowledge(4, 0, 3n);
  const settled = await outcomes;
  assert.deepEqual(
    settled.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.offset : 'refused')),
    ['refused', 3n, 8n],
  );
  assert.equal(log.queue.at(-1), 0);
});

test('a full queue refuses additions, and accepts them again when there is room', async () => {
  const log = new FakeLog({ queueMax: 2 });
  const one = log.add('a');
  await turn();
  void log.add('b');
  await assert.rejects(log.add('c'), QueueFullError);
  await turn();
  log.acknowledge(0, 0, 0n);
  await one;
  void log.add('d');
  await turn();
  assert.deepEqual(log.ids(), ['a', 'b', 'd']);
});

test('the number of additions that wait or are written is right after every change', async () => {
  const log = new FakeLog({ writesMax: 1 });
  const all = [log.add('a'), log.add('b', 2_000), log.add('c')];
  await turn();
  all.push(log.add('d', 2_000));
  assert.equal(log.queue.at(-1), 4);
  log.now = 3_000;
  log.acknowledge(0, 0, 0n);
  await assert.rejects(all[3] ?? Promise.resolve(), NeverSentError);
  assert.equal(log.queue.at(-1), 0);
  assert.ok(log.queue.every((additions) => additions >= 0 && additions <= 4));
});

test('an addition whose deadline passed while it waited is never sent', async () => {
  const log = new FakeLog({ writesMax: 1 });
  void log.add('a');
  await turn();
  const refused = assert.rejects(log.add('b', 2_000), NeverSentError);
  const patient = log.add('c', 9_000);
  log.now = 3_000;
  log.acknowledge(0, 0, 0n);
  await refused;
  await turn();
  assert.deepEqual(log.ids(), ['a', 'c']);
  log.acknowledge(1, 0, 1n);
  assert.deepEqual(await patient, { partition: 0, offset: 1n });
});

test('a write gets the latest deadline of its additions', async () => {
  const log = new FakeLog();
  void log.add('a', 2_000);
  void log.add('b', 8_000);
  void log.add('c', 4_000);
  await turn();
  assert.equal(log.writes[0]?.deadline, 8_000);
});
