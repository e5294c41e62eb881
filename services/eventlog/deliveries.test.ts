import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { Deliveries } from './deliveries.ts';
import {
  type BatchResult,
  type IsSameRecord,
  type LogAssignment,
  type LogBatch,
  LogRangeError,
  type LogRecord,
  LogRewrittenError,
  type LogStopError,
} from './port.ts';

/** A fake of kafkajs' consumer. It delivers what the test says, also wrong batches. */
class FakeKafka {
  readonly seeks: [partition: number, offset: string][] = [];
  readonly active = new Set<number>();
  readonly batches: LogBatch[] = [];
  readonly stopped: LogStopError[] = [];
  readonly waits: string[] = [];
  readonly fatals: Error[] = [];
  readonly resolved: string[] = [];
  problem: LogRangeError | undefined;
  earliest = 0n;
  withheld = (_offset: bigint): LogRecord | 'open' | undefined => undefined;
  asked = 0;
  answer: (batch: LogBatch) => Promise<BatchResult> = async (batch) => ({
    kind: 'confirmed',
    nextOffset: batch.firstOffset + BigInt(batch.records.length),
  });
  readonly deliveries = new Deliveries({
    consumer: {
      pause: () => this.active.clear(),
      resume: ([{ partitions }]: [{ partitions: number[] }]) => {
        for (const partition of partitions) this.active.add(partition);
      },
      seek: ({ partition, offset }: { partition: number; offset: string }) => this.seeks.push([partition, offset]),
    } as unknown as Consumer,
    topic: 'log',
    logger: silentLogger,
    random: () => 0,
    recordsMax: 3,
    heartbeatMs: 1_000,
    onBatch: (batch) => {
      this.batches.push(batch);
      return this.answer(batch);
    },
    onStopped: (_partition, error) => this.stopped.push(error),
    onWaits: (_partition, why) => this.waits.push(why),
    onFatal: (error) => this.fatals.push(error),
    askRange: async () => {
      this.asked += 1;
      return { problem: this.problem, earliest: this.earliest };
    },
    probe: async (_partition, offset) => this.withheld(offset),
  });

  begin(partition: number, offset: bigint, isSame?: IsSameRecord): void {
    this.deliveries.begin({ assignment, partition, offset, earliest: this.earliest, isSame });
  }

  /** Delivers a fetch with these offsets. */
  hand(partition: number, offsets: readonly number[], leaderEpoch = 0): Promise<void> {
    const messages = offsets.map((offset) => ({
      offset: String(offset),
      key: null,
      value: null,
      timestamp: '0',
      batchContext: { partitionLeaderEpoch: leaderEpoch },
    }));
    const payload: Partial<EachBatchPayload> = {
      batch: {
        partition,
        messages: messages as unknown as KafkaMessage[],
        highWatermark: '100',
      } as EachBatchPayload['batch'],
      resolveOffset: (offset) => this.resolved.push(offset),
      heartbeat: async () => {},
      isRunning: () => true,
    };
    return this.deliveries.deliver(payload as EachBatchPayload);
  }

  firsts(): bigint[] {
    return this.batches.map(({ firstOffset }) => firstOffset);
  }
}

const assignment = { generation: 1 } as LogAssignment;

test('records of a partition that was not requested are dropped, and requested ones are delivered in bounded batches', async () => {
  const kafka = new FakeKafka();
  await kafka.hand(0, [5, 6]);
  kafka.begin(0, 5n);
  assert.deepEqual([kafka.seeks, [...kafka.active]], [[[0, '5']], [0]]);
  await kafka.hand(0, [5, 6, 7, 8]);
  assert.deepEqual(kafka.firsts(), [5n, 8n]);
  assert.deepEqual(kafka.resolved, ['7', '8'], 'only confirmed offsets are resolved');
  kafka.deliveries.end(0);
  await kafka.hand(0, [9]);
  assert.deepEqual([kafka.firsts(), [...kafka.active]], [[5n, 8n], []]);
});

test('an old batch after a seek is dropped, and the right batch is delivered', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 50n);
  await kafka.hand(0, [7, 8]);
  await until('it to be fetched again', () => kafka.active.has(0));
  assert.equal(kafka.asked, 1, 'the range is read before the second seek');
  assert.deepEqual(kafka.seeks, [
    [0, '50'],
    [0, '50'],
  ]);
  await kafka.hand(0, [50]);
  assert.deepEqual([kafka.firsts(), kafka.stopped], [[50n], []]);
});

test('an offset that stays wrong is a gap, unless the log does not hold the right one', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 50n);
  for (let count = 0; count < 3; count++) {
    await until('it to be fetched', () => kafka.active.has(0));
    await kafka.hand(0, [52]);
  }
  await until('the gap', () => kafka.stopped.length === 1);
  assert.match(String(kafka.stopped[0]?.message), /expected offset 50 but the log delivered 52/);
  assert.deepEqual(kafka.firsts(), []);
});

test('an offset that the log lost while the partition rested is not sought', async () => {
  const kafka = new FakeKafka();
  kafka.answer = async () => ({ kind: 'again' });
  kafka.begin(0, 5n);
  kafka.problem = new LogRangeError({ partition: 0, wanted: 5n, earliest: 9n, end: 12n });
  await kafka.hand(0, [5]);
  await until('the range error', () => kafka.stopped.length === 1);
  assert.deepEqual([kafka.stopped, kafka.seeks], [[kafka.problem], [[0, '5']]]);
});

test('records after a missing offset in one fetch are not delivered', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 0n);
  await kafka.hand(0, [0, 1, 3, 4]);
  assert.deepEqual(
    kafka.batches.flatMap(({ records }) => records.map(({ offset }) => offset)),
    [0n, 1n],
  );
});

test('a partition has one handler at a time, also when another reading of it begins meanwhile', async () => {
  const kafka = new FakeKafka();
  const gate = Promise.withResolvers<BatchResult>();
  kafka.answer = () => gate.promise;
  kafka.begin(0, 0n);
  const first = kafka.hand(0, [0, 1]);
  kafka.answer = async () => ({ kind: 'confirmed', nextOffset: 11n });
  kafka.deliveries.endAll();
  const next = { ...assignment, generation: 2 };
  kafka.deliveries.begin({ assignment: next, partition: 0, offset: 10n, earliest: 0n, isSame: undefined });
  // Deliver twice: two fetchers may hold the same partition while its leader moves.
  const others = [kafka.hand(0, [10]), kafka.hand(0, [10])];
  await new Promise(setImmediate);
  assert.deepEqual(kafka.firsts(), [0n]);
  gate.resolve({ kind: 'confirmed', nextOffset: 2n });
  await Promise.all([first, ...others]);
  assert.deepEqual(kafka.firsts(), [0n, 10n]);
  assert.deepEqual(kafka.resolved, ['10'], 'the result of the old reading is ignored');
  assert.equal(kafka.batches[1]?.assignment.generation, 2);
});

test('after a result without progress the partition rests and is fetched again from the same offset', async () => {
  const kafka = new FakeKafka();
  for (const answer of [{ kind: 'again' }, { kind: 'confirmed', nextOffset: 0n }] as const) {
    kafka.answer = async () => answer;
    kafka.begin(0, 0n);
    await kafka.hand(0, [0, 1]);
    assert.deepEqual([...kafka.active], [], 'resting');
    await kafka.hand(0, [0, 1]);
    await until('it to be fetched again', () => kafka.active.has(0));
    assert.deepEqual(kafka.seeks.at(-1), [0, '0']);
  }
  assert.deepEqual(kafka.firsts(), [0n, 0n]);
  kafka.deliveries.endAll();
});

test('a confirmation beyond the batch ends the reader: the owner confirmed records that were never delivered', async () => {
  const kafka = new FakeKafka();
  kafka.answer = async () => ({ kind: 'confirmed', nextOffset: 9n });
  kafka.begin(0, 0n);
  await kafka.hand(0, [0, 1]);
  assert.match(
    String(kafka.fatals[0]?.message),
    /partition 0: offset 9 was confirmed, but the batch has offsets 0 to 1/,
  );
});

test('if records exist but are never delivered, the reader seeks, and later ends', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 5n);
  const look = (end: bigint) =>
    kafka.deliveries.compare(kafka.deliveries.idle(), new Map([[0, { earliest: 0n, end }]]));
  for (let count = 0; count < 9; count++) look(5n);
  assert.equal(kafka.seeks.length, 1, 'a partition without new records needs no seek');
  const lookAndWait = async (seeks: number) => {
    look(6n);
    await until('it to be fetched again', () => kafka.seeks.length === seeks && kafka.active.has(0));
    // Wait for the end of the probe too.
    await new Promise(setImmediate);
  };
  for (let count = 0; count < 4; count++) await lookAndWait(2 + count);
  assert.equal(kafka.fatals.length, 0);
  kafka.withheld = () => 'open';
  await lookAndWait(6);
  kafka.withheld = () => undefined;
  for (let count = 0; count < 5; count++) await lookAndWait(7 + count);
  assert.equal(kafka.fatals.length, 0, 'an open transaction does not end the reader');
  assert.deepEqual([...new Set(kafka.waits)], ['a transaction of a foreign producer has not ended at offset 5']);
  look(6n);
  assert.match(
    String(kafka.fatals[0]?.message),
    /partition 0 holds records up to 6, but Kafka delivered none from 5 on/,
  );
});

test('an open transaction is found while other partitions are busy, and causes no second fetch', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 5n);
  kafka.begin(1, 0n);
  kafka.withheld = () => 'open';
  const working = Promise.withResolvers<BatchResult>();
  kafka.answer = () => working.promise;
  const handed = kafka.hand(1, [0, 1]);
  await until('a handler to work', () => kafka.batches.length === 1);
  const seeks = kafka.seeks.length;
  const ranges = new Map([0, 1].map((partition) => [partition, { earliest: 0n, end: 9n }]));
  for (let count = 0; count < 3; count++) kafka.deliveries.compare(kafka.deliveries.idle(), ranges);
  assert.deepEqual(kafka.waits, [], 'the partition may only be waiting for its turn');
  kafka.deliveries.compare(kafka.deliveries.idle(), ranges);
  await until('the wait', () => kafka.waits.length > 0);
  assert.deepEqual([kafka.waits.length, kafka.seeks.length], [1, seeks]);
  working.resolve({ kind: 'confirmed', nextOffset: 2n });
  await handed;
});

test('the record before the first one is compared, once, and not delivered', async () => {
  const kafka = new FakeKafka();
  const compared: bigint[] = [];
  kafka.begin(0, 5n, ({ offset }) => compared.push(offset) > 0);
  assert.deepEqual(kafka.seeks, [[0, '4']]);
  await kafka.hand(0, [4, 5, 6]);
  await kafka.hand(0, [7]);
  assert.deepEqual([compared, kafka.firsts()], [[4n], [5n, 7n]]);
  assert.deepEqual(kafka.resolved, ['4', '6', '7']);
});

test('a partition whose last counted record is another one is stopped before anything is delivered', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 5n, () => false);
  await kafka.hand(0, [4, 5, 6]);
  assert.deepEqual(kafka.firsts(), []);
  const [error] = kafka.stopped;
  assert.ok(error instanceof LogRewrittenError);
  assert.equal(error.offset, 4n);
  assert.equal(kafka.active.has(0), false);
});

test('nothing is compared where the log begins', async () => {
  const kafka = new FakeKafka();
  kafka.earliest = 5n;
  kafka.begin(0, 5n, () => false);
  await kafka.hand(0, [5]);
  assert.deepEqual([kafka.seeks, kafka.firsts(), kafka.stopped], [[[0, '5']], [5n], []]);
});

test('records of another leader are delivered only after another comparison', async () => {
  const kafka = new FakeKafka();
  let isSame = true;
  kafka.begin(0, 5n, () => isSame);
  await kafka.hand(0, [4, 5], 1);
  await kafka.hand(0, [6, 7], 2);
  assert.deepEqual(kafka.firsts(), [5n], 'records of a new leader wait for a comparison');
  await until('the record before to be fetched', () => kafka.seeks.length === 2);
  assert.deepEqual(kafka.seeks.at(-1), [0, '5']);
  await kafka.hand(0, [5, 6, 7], 1);
  await kafka.hand(0, [8], 2);
  await until('the record before the next change to be fetched', () => kafka.seeks.length === 3);
  assert.deepEqual(
    [kafka.firsts(), kafka.seeks.at(-1)],
    [
      [5n, 6n],
      [0, '7'],
    ],
  );
  isSame = false;
  await kafka.hand(0, [7, 8], 2);
  assert.deepEqual(kafka.firsts(), [5n, 6n]);
  assert.ok(kafka.stopped[0] instanceof LogRewrittenError);
});

test('a record that retention deleted meanwhile is not waited for', async () => {
  const kafka = new FakeKafka();
  kafka.begin(0, 5n, () => true);
  await kafka.hand(0, [4, 5], 1);
  kafka.earliest = 6n;
  await kafka.hand(0, [6], 2);
  await until('the next record to be fetched', () => kafka.seeks.at(-1)?.[1] === '6');
  await kafka.hand(0, [6], 2);
  assert.deepEqual(kafka.firsts(), [5n, 6n]);
});

const withheld = (offset: bigint): LogRecord => ({
  offset,
  key: null,
  value: null,
  schema: undefined,
  unreadable: 'a marker',
  appendedAt: 0,
  leaderEpoch: 0,
});

test('a marker between records is delivered as an unreadable record, and the records after it are read', async () => {
  const kafka = new FakeKafka();
  kafka.withheld = (offset) => (offset === 6n ? withheld(offset) : undefined);
  kafka.begin(0, 5n);
  await kafka.hand(0, [5]);
  for (let times = 0; times < 3; times++) {
    await until('it to be fetched', () => kafka.active.has(0));
    await kafka.hand(0, [7]);
  }
  await until('what follows to be fetched', () => kafka.seeks.at(-1)?.[1] === '7' && kafka.active.has(0));
  await kafka.hand(0, [7]);
  assert.deepEqual([kafka.firsts(), kafka.stopped], [[5n, 6n, 7n], []]);
});

test('a marker at the end of a quiet partition is found by the comparison with the log', async () => {
  const kafka = new FakeKafka();
  kafka.withheld = (offset) => (offset === 5n ? withheld(offset) : undefined);
  kafka.begin(0, 5n);
  kafka.deliveries.idle();
  kafka.deliveries.compare([{ partition: 0, isBusy: false }], new Map([[0, { earliest: 0n, end: 6n }]]));
  await until('it to be delivered', () => kafka.firsts().length === 1);
  assert.deepEqual(kafka.firsts(), [5n]);
  await until('the partition to be read again', () => kafka.active.has(0));
  assert.deepEqual(kafka.fatals, []);
});

test('a log that was rewritten while nothing arrived is compared before its first record is delivered', async () => {
  const kafka = new FakeKafka();
  let isSame = true;
  kafka.begin(0, 5n, () => isSame);
  await kafka.hand(0, [4], 1);
  isSame = false;
  await kafka.hand(0, [5, 6], 9);
  await until('the record before to be fetched', () => kafka.seeks.length === 2);
  await kafka.hand(0, [4, 5, 6], 9);
  assert.deepEqual(kafka.firsts(), []);
  assert.ok(kafka.stopped[0] instanceof LogRewrittenError);
});

for (const [name, isSame] of [
  ['the counted one', true],
  ['another one', false],
] as const) {
  test(`a marker as the last counted record is compared, although the client withholds it: ${name}`, async () => {
    const kafka = new FakeKafka();
    kafka.withheld = (offset) => (offset === 4n ? withheld(offset) : undefined);
    kafka.begin(0, 5n, () => isSame);
    for (let times = 0; times < 3; times++) {
      await until('it to be fetched', () => kafka.active.has(0));
      await kafka.hand(0, [5, 6]);
    }
    if (isSame) {
      await until('what follows to be fetched', () => kafka.seeks.at(-1)?.[1] === '5' && kafka.active.has(0));
      await kafka.hand(0, [5, 6]);
      assert.deepEqual([kafka.firsts(), kafka.stopped], [[5n], []]);
    } else {
      await until('the partition to stop', () => kafka.stopped.length === 1);
      assert.ok(kafka.stopped[0] instanceof LogRewrittenError);
    }
  });
}

test('a new leader after a marker is compared with the marker', async () => {
  const kafka = new FakeKafka();
  kafka.withheld = (offset) => (offset === 5n ? withheld(offset) : undefined);
  kafka.begin(0, 5n, () => true);
  await kafka.hand(0, [4], 0);
  kafka.deliveries.idle();
  kafka.deliveries.compare([{ partition: 0, isBusy: false }], new Map([[0, { earliest: 0n, end: 6n }]]));
  await until('the marker to be delivered', () => kafka.firsts().length === 1 && kafka.active.has(0));
  await kafka.hand(0, [6, 7], 2);
  for (let times = 0; times < 3; times++) {
    await until('it to be fetched', () => kafka.active.has(0));
    await kafka.hand(0, [6, 7], 2);
  }
  await until('what follows to be fetched', () => kafka.seeks.at(-1)?.[1] === '6' && kafka.active.has(0));
  await kafka.hand(0, [6, 7], 2);
  assert.deepEqual([kafka.firsts(), kafka.stopped, kafka.fatals], [[5n, 6n], [], []]);
});

test('all records of an aborted transaction are delivered without a wait in between', async () => {
  const kafka = new FakeKafka();
  kafka.withheld = (offset) => (offset < 105n ? withheld(offset) : undefined);
  kafka.begin(0, 5n);
  kafka.deliveries.idle();
  kafka.deliveries.compare([{ partition: 0, isBusy: false }], new Map([[0, { earliest: 0n, end: 105n }]]));
  await until('all of it', () => kafka.firsts().length === 100);
  await until('the partition to be read again', () => kafka.active.has(0));
  assert.deepEqual([kafka.seeks.at(-1), kafka.fatals], [[0, '105'], []]);
});
