import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { AppendError, type AppendedBatch, type LogRecordInput } from '#services/eventlog/port.ts';
import { writeBatch } from './batchWrite.ts';
import { PartitionChooser } from './partitionChooser.ts';

const record: LogRecordInput = { key: Buffer.from('k'), value: Buffer.from('v'), headers: {} };

/** Builds a fake log with one partition per leader. The test ends the appends and moves the clock. */
function build(context: { after(work: () => void): void }, leaders: number[], withinMs = 10_000) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  context.after(() => mock.timers.reset());
  const appends: { partition: number; end: PromiseWithResolvers<AppendedBatch> }[] = [];
  const copies: number[] = [];
  const written = writeBatch({
    records: [record, record],
    deadline: Date.now() + withinMs,
    chooser: new PartitionChooser({
      log: () => ({ partitionCount: leaders.length, leaderOf: (partition) => leaders[partition] }),
      now: Date.now,
    }),
    append: (partition) => {
      const end = Promise.withResolvers<AppendedBatch>();
      appends.push({ partition, end });
      return end.promise;
    },
    now: Date.now,
    random: () => 0,
    onCopies: (count) => copies.push(count),
  });
  let outcome: AppendedBatch | Error | undefined;
  written.then(
    (place) => {
      outcome = place;
    },
    (error: Error) => {
      outcome = error;
    },
  );
  return {
    copies,
    appends,
    partitions: () => appends.map(({ partition }) => partition),
    outcome: () => outcome,
    answer(index: number, baseOffset = 5n) {
      const append = appends[index];
      append?.end.resolve({ partition: append.partition, baseOffset, appendedAt: undefined });
      return settle();
    },
    fail(index: number, outcomeOf: AppendError['outcome']) {
      appends[index]?.end.reject(new AppendError('no', { outcome: outcomeOf }));
      return settle();
    },
    async pass(ms: number) {
      mock.timers.tick(ms);
      await settle();
    },
  };
}

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

test('an acknowledgement gives the position, and one append is enough', async (t) => {
  const log = build(t, [7, 8]);
  await log.pass(900);
  await log.answer(0);
  assert.deepEqual(log.outcome(), { partition: 0, baseOffset: 5n, appendedAt: undefined });
  await log.pass(60_000);
  assert.deepEqual([log.partitions(), log.copies], [[0], []]);
});

test('a batch without a response is appended again to a partition of another leader, and the first response counts', async (t) => {
  const log = build(t, [7, 7, 8]);
  await log.pass(1_001);
  assert.deepEqual([log.partitions(), log.copies], [[0, 2], [2]]);
  await log.answer(1, 9n);
  assert.deepEqual(log.outcome(), { partition: 2, baseOffset: 9n, appendedAt: undefined });
  await log.answer(0, 1n);
  assert.deepEqual(log.outcome(), { partition: 2, baseOffset: 9n, appendedAt: undefined });
});

test('copies end with three appends without a response, each waiting twice as long as the one before', async (t) => {
  const log = build(t, [1, 2, 3, 4, 5]);
  await log.pass(1_001);
  assert.equal(log.appends.length, 2);
  await log.pass(1_000);
  assert.equal(log.appends.length, 2);
  await log.pass(1_001);
  assert.equal(log.appends.length, 3);
  await log.pass(5_000);
  assert.deepEqual(
    [log.partitions(), log.copies],
    [
      [0, 1, 2],
      [2, 2],
    ],
  );
});

test('without another healthy leader a late batch waits, and is not written twice to one leader', async (t) => {
  const log = build(t, [7, 7, 7]);
  await log.pass(5_000);
  assert.deepEqual([log.partitions(), log.copies], [[0], []]);
});

test('a refused batch goes to the next partition at once, and this is no copy', async (t) => {
  const log = build(t, [7, 7]);
  await log.fail(0, 'notWritten');
  await log.pass(1);
  assert.deepEqual([log.partitions(), log.copies], [[0, 1], []]);
  await log.answer(1);
  assert.deepEqual(log.outcome(), { partition: 1, baseOffset: 5n, appendedAt: undefined });
});

test('a lost response causes a copy, and the batch is retried until the deadline', async (t) => {
  const log = build(t, [7], 2_000);
  await log.fail(0, 'unknown');
  await log.pass(1);
  assert.deepEqual(log.copies, [2]);
  for (let step = 0; step < 20 && log.outcome() === undefined; step++) {
    await log.fail(log.appends.length - 1, 'unknown');
    await log.pass(250);
  }
  assert.ok(log.outcome() instanceof AppendError);
  assert.ok(log.appends.length > 2 && log.appends.length < 20, String(log.appends.length));
});

test('a batch that is too large is refused at once', async (t) => {
  const log = build(t, [7, 8]);
  await log.fail(0, 'tooLarge');
  const error = log.outcome();
  assert.ok(error instanceof AppendError && error.outcome === 'tooLarge');
  assert.equal(log.appends.length, 1);
});

test('at the deadline it waits for the last append to end, and says that the outcome is unknown', async (t) => {
  const log = build(t, [7], 3_000);
  await log.pass(3_000);
  assert.equal(log.outcome(), undefined);
  await log.fail(0, 'unknown');
  await log.pass(1);
  assert.ok(log.outcome() instanceof AppendError);
});

test('without any partition to write to it ends at the deadline', async (t) => {
  const log = build(t, [], 3_000);
  for (let ms = 0; ms < 3_100; ms += 100) await log.pass(100);
  assert.match(String(log.outcome()), /no partition accepted the records/);
});
