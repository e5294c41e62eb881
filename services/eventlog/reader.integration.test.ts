import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeRecord, encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { silentLogger } from '#platform/log.ts';
import { allow } from '#test/support/acls.ts';
import { until } from '#test/support/condition.ts';
import { FakeBooks, startMiniAggregator } from '#test/support/fakeBooks.ts';
import { createLog, plainClient, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedKafka, sharedKafka, uniqueName } from '#tools/testing/servers.ts';
import { unpackedBytesMax } from './codecs.ts';
import {
  type BatchResult,
  type LogAssignment,
  type LogBatch,
  type LogError,
  LogRangeError,
  type LogReader,
  LogUnavailableError,
  NotMemberError,
} from './port.ts';
import { openLogReader } from './reader.ts';
import type { KafkaSettings } from './settings.ts';
import { openLogTopic } from './topic.ts';
import { openLogWriter } from './writer.ts';

let kafka: SharedKafka;
let folder: TemporaryFolder;

before(async () => {
  folder = await createTemporaryFolder();
  kafka = await sharedKafka();
});
after(() => folder[Symbol.asyncDispose]());

/** Creates a topic with `counts[p]` records in partition p. */
async function createFilledLog(counts: readonly number[]): Promise<KafkaSettings> {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  await createLog(settings, counts.length);
  for (const [partition, count] of counts.entries()) await append(settings, partition, count);
  return settings;
}

async function append(settings: KafkaSettings, partition: number, count: number): Promise<void> {
  if (count === 0) return;
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const records = Array.from({ length: count }, () =>
    encodeRecord(parseAddition({ requestId: randomUUID(), series: 's', a: '1', b: '2' })),
  );
  // Use several produce calls, so that the topic has several Kafka batches.
  for (let index = 0; index < count; index += 7) {
    await writer.append(partition, records.slice(index, index + 7), { deadline: Date.now() + 10_000 });
  }
  await writer.close();
}

interface Opened extends AsyncDisposable {
  readonly reader: LogReader;
  readonly batches: LogBatch[];
  readonly stopped: { partition: number; error: LogError }[];
  readonly fatals: Error[];
  readonly waits: string[];
  assignment(): Promise<LogAssignment>;
  offsets(partition: number): bigint[];
}

const confirm = async (batch: LogBatch): Promise<BatchResult> => ({
  kind: 'confirmed',
  nextOffset: batch.firstOffset + BigInt(batch.records.length),
});

async function open(
  settings: KafkaSettings,
  options: { recordsMax?: number; idleCheckMs?: number; onBatch?: (batch: LogBatch) => Promise<BatchResult> } = {},
): Promise<Opened> {
  const { onBatch = confirm, ...rest } = options;
  const batches: LogBatch[] = [];
  const stopped: Opened['stopped'] = [];
  const waits: string[] = [];
  const fatals: Error[] = [];
  let latest: LogAssignment | undefined;
  const reader = await openLogReader({
    settings,
    logger: silentLogger,
    ...rest,
    handlers: {
      onAssigned: (assignment) => {
        latest = assignment;
      },
      async onBatch(batch) {
        const result = await onBatch(batch);
        batches.push(batch);
        return result;
      },
      onPartitionStopped: (partition, error) => stopped.push({ partition, error }),
      onPartitionWaits: (partition, why) => waits.push(`${partition}: ${why}`),
      onFatal: (error) => fatals.push(error),
    },
  });
  return {
    reader,
    batches,
    stopped,
    fatals,
    waits,
    async assignment() {
      await until('an assignment', () => latest !== undefined, { seen: () => fatals });
      assert.ok(latest);
      return latest;
    },
    offsets: (partition) =>
      batches
        .filter((batch) => batch.partition === partition)
        .flatMap(({ records }) => records.map(({ offset }) => offset)),
    [Symbol.asyncDispose]: () => reader.close(),
  };
}

/** Names of Kafka's codecs, and kafkajs' numbers for them. */
const codecs = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => BigInt(from + index));

describe('delivery', () => {
  test('nothing is delivered before readFrom, then exactly from the wanted offset on', async () => {
    const settings = await createFilledLog([30, 30]);
    await using opened = await open(settings);
    const assignment = await opened.assignment();
    assert.deepEqual(assignment.partitions, [0, 1]);
    await assignment.readFrom(0, 12n);
    await until('the rest of partition 0', () => opened.offsets(0).length === 18, { seen: () => opened.batches });
    assert.deepEqual(opened.offsets(0), range(12, 30));
    assert.deepEqual(opened.offsets(1), []);
    await append(settings, 0, 3);
    await until('what was appended later', () => opened.offsets(0).length === 21);
    assert.deepEqual(opened.offsets(0), range(12, 33));
  });

  test('batches have at most recordsMax records, and the end of the log', async () => {
    const settings = await createFilledLog([25]);
    await using opened = await open(settings, { recordsMax: 10 });
    await (await opened.assignment()).readFrom(0, 0n);
    await until('25 records', () => opened.offsets(0).length === 25);
    assert.deepEqual(opened.offsets(0), range(0, 25));
    assert.ok(opened.batches.every(({ records }) => records.length <= 10));
    assert.equal(opened.batches.at(-1)?.highWatermark, 25n);
    const [record] = opened.batches[0]?.records ?? [];
    assert.equal(record?.schema, '1');
    assert.equal(record?.leaderEpoch, 0);
    assert.ok(record !== undefined && Math.abs(record.appendedAt - Date.now()) < 60_000);
  });

  test('unconfirmed records are delivered again from the first unconfirmed offset', async () => {
    const settings = await createFilledLog([20]);
    const answers: (BatchResult | Error)[] = [
      { kind: 'again' },
      new Error('the database said no'),
      { kind: 'confirmed', nextOffset: 4n },
    ];
    await using opened = await open(settings, {
      recordsMax: 10,
      async onBatch(batch) {
        const answer = answers.shift();
        if (answer instanceof Error) throw answer;
        return answer ?? confirm(batch);
      },
    });
    await (await opened.assignment()).readFrom(0, 0n);
    await until('offset 19', () => opened.offsets(0).includes(19n), { seen: () => opened.batches });
    const firsts = opened.batches.map(({ firstOffset }) => firstOffset);
    // The second handler call threw, so its batch is not in the list.
    assert.deepEqual(firsts.slice(0, 3), [0n, 0n, 4n]);
    assert.deepEqual(opened.offsets(0).slice(-16), range(4, 20));
  });

  test('a stopped partition delivers nothing until readFrom, while other partitions continue', async () => {
    const settings = await createFilledLog([20, 20]);
    await using opened = await open(settings, {
      recordsMax: 5,
      onBatch: async (batch) => (batch.partition === 0 && batch.firstOffset === 5n ? { kind: 'stop' } : confirm(batch)),
    });
    const assignment = await opened.assignment();
    await Promise.all([assignment.readFrom(0, 0n), assignment.readFrom(1, 0n)]);
    await until('partition 1', () => opened.offsets(1).length === 20);
    await append(settings, 1, 5);
    await until('more of partition 1', () => opened.offsets(1).length === 25);
    assert.deepEqual(opened.offsets(0), range(0, 10));
    await assignment.readFrom(0, 10n);
    await until('the rest of partition 0', () => opened.offsets(0).length === 20);
    assert.deepEqual(opened.offsets(0), range(0, 20));
  });

  test('readFrom during a batch makes the result of that batch invalid', async () => {
    const settings = await createFilledLog([20]);
    const gate = Promise.withResolvers<void>();
    let isFirst = true;
    await using opened = await open(settings, {
      recordsMax: 10,
      async onBatch(batch) {
        if (!isFirst) return confirm(batch);
        isFirst = false;
        await gate.promise;
        return { kind: 'stop' };
      },
    });
    const assignment = await opened.assignment();
    await assignment.readFrom(0, 0n);
    await until('the first batch', () => !isFirst);
    await assignment.readFrom(0, 3n);
    assert.equal(opened.batches.length, 0, 'at most one call at a time per partition');
    gate.resolve();
    await until('offset 19', () => opened.offsets(0).includes(19n), { seen: () => opened.batches });
    assert.deepEqual(opened.offsets(0), [...range(0, 10), ...range(3, 20)]);
  });
});

describe('the range of the log', () => {
  test('an offset before the start or after the end is refused, and nothing is delivered instead', async () => {
    const settings = await createFilledLog([60]);
    await deleteRecordsBefore(settings, 50);
    await using opened = await open(settings);
    const assignment = await opened.assignment();
    await assert.rejects(assignment.readFrom(0, 10n), (error: unknown) => {
      assert.ok(error instanceof LogRangeError);
      assert.deepEqual([error.wanted, error.earliest, error.end], [10n, 50n, 60n]);
      assert.match(error.message, /40 records were removed before they were counted/);
      return true;
    });
    await assert.rejects(assignment.readFrom(0, 61n), /the log ends at 60/);
    await append(settings, 0, 1);
    await assignment.readFrom(0, 50n);
    await until('what is left', () => opened.offsets(0).length === 11);
    assert.deepEqual(opened.offsets(0), range(50, 61));
  });

  test('records that are deleted while the reader waits stop the partition: it does not jump to the new start', async () => {
    const settings = await createFilledLog([60]);
    let isFirst = true;
    await using opened = await open(settings, {
      recordsMax: 10,
      async onBatch(batch) {
        if (!isFirst) return confirm(batch);
        isFirst = false;
        await deleteRecordsBefore(settings, 50);
        return { kind: 'again' };
      },
    });
    await (await opened.assignment()).readFrom(0, 5n);
    await until('the partition to stop', () => opened.stopped.length > 0, { seen: () => opened.batches });
    const [first] = opened.stopped;
    assert.ok(first?.error instanceof LogRangeError);
    assert.deepEqual([first.partition, first.error.wanted, first.error.earliest], [0, 5n, 50n]);
    await append(settings, 0, 5);
    assert.deepEqual(opened.offsets(0), range(5, 15), 'only the batch that was already fetched is delivered');
    assert.deepEqual(opened.fatals, []);
  });

  test('a recreated topic with fewer records stops the partition', async () => {
    const settings = await createFilledLog([40]);
    await using opened = await open(settings, { idleCheckMs: 300 });
    await (await opened.assignment()).readFrom(0, 0n);
    await until('40 records', () => opened.offsets(0).length === 40);
    await recreate(settings, 1);
    await append(settings, 0, 10);
    await until('a stop or the end of the reader', () => opened.stopped.length + opened.fatals.length > 0, {
      timeoutMs: 60_000,
    });
    assert.equal(opened.offsets(0).length, 40, 'no record of the new topic is delivered');
    if (opened.stopped.length > 0)
      // The reader may read the range before the new records exist.
      assert.match(String(opened.stopped[0]?.error.message), /the next offset is 40 but the log ends at (0|10):/);
  });

  test('offsets are of all partitions that Kafka lists now, also of those that were just added', async () => {
    const settings = await createFilledLog([3, 0]);
    await using opened = await open(settings);
    assert.deepEqual([...(await opened.reader.offsets())].sort(), [
      [0, { earliest: 0n, end: 3n }],
      [1, { earliest: 0n, end: 0n }],
    ]);
    await createLog(settings, 3);
    await until('the third partition', async () => (await opened.reader.offsets()).has(2));
  });
});

describe('membership', () => {
  test('a member can prove its membership, and with an ended assignment every call fails', async () => {
    const settings = await createFilledLog([5, 5]);
    await using opened = await open(settings);
    const assignment = await opened.assignment();
    await assignment.proveMembership();
    await assignment.readFrom(0, 0n);
    await assignment.proveMembership();
    await assignment.commitForDashboards(new Map([[0, 4n]]));
    await assert.rejects(assignment.readFrom(7, 0n), NotMemberError);
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    const [committed] = await admin.fetchOffsets({ groupId: settings.group, topics: [settings.topic] });
    await admin.disconnect();
    assert.equal(committed?.partitions.find(({ partition }) => partition === 0)?.offset, '4');
    await opened.reader.close();
    assert.equal(assignment.signal.aborted, true);
    await assert.rejects(assignment.proveMembership(), NotMemberError);
    await assert.rejects(assignment.readFrom(0, 0n), NotMemberError);
    await assert.rejects(assignment.commitForDashboards(new Map([[0, 5n]])), NotMemberError);
  });

  test('a member without the right to read the topic reports it, instead of retrying its claim without end', async () => {
    const { topic } = await createFilledLog([1]);
    const username = uniqueName('user');
    await kafka.addUser({ username, password: 'secret' });
    await allow(kafka, username, { topic: [topic, 'DESCRIBE'], group: [topic, 'READ'] });
    const dir = join(folder.path, username);
    const settings = await secureLogSettings({ kafka, topic, dir, username, password: 'secret' });
    await using opened = await open(settings);
    const assignment = await opened.assignment();
    await assert.rejects(assignment.proveMembership(), NotMemberError);
    assert.deepEqual(
      opened.fatals.map((error) => error instanceof LogUnavailableError && error.reason),
      ['NotAuthorized'],
    );
    assert.match(String(opened.fatals[0]?.message), new RegExp(`lacks an ACL for topic ${topic} or group ${topic}`));
  });

  test('two members share the partitions, and every record is committed once although members join and leave', async () => {
    const settings = await createFilledLog([100, 100, 100, 100]);
    const books = new FakeBooks();
    const slow = {
      recordsMax: 10,
      onBatch: async () => void (await new Promise((resolve) => setTimeout(resolve, 20))),
    };
    await using one = startMiniAggregator({ name: 'one', settings, books, ...slow });
    const seen = () => ({ total: books.total, events: [...one.events] });
    await until('some progress', () => books.total > 50, { seen });
    {
      await using two = startMiniAggregator({ name: 'two', settings, books, ...slow });
      await until('two partitions each', () => one.owned().length === 2 && two.owned().length === 2, {
        seen: () => [...one.events, ...two.events],
        timeoutMs: 30_000,
      });
      for (const partition of [0, 1, 2, 3]) await append(settings, partition, 50);
      await until('more progress', () => books.total > 300, { seen });
    }
    await until('all partitions back', () => one.owned().length === 4, { seen, timeoutMs: 30_000 });
    await until('all records', () => books.total === 600, { seen, timeoutMs: 30_000 });
    assert.deepEqual(
      [0, 1, 2, 3].map((partition) => books.nextOffset(partition)),
      [150n, 150n, 150n, 150n],
    );
  });
});

test('opening names the topic that is missing', async () => {
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, uniqueName('absent'));
  const handlers = { onAssigned() {}, onBatch: confirm, onPartitionStopped() {}, onPartitionWaits() {}, onFatal() {} };
  await assert.rejects(openLogReader({ settings, logger: silentLogger, handlers }), {
    reason: 'TopicMissing',
    message: new RegExp(`topic ${settings.topic} does not exist`),
  });
});

async function deleteRecordsBefore(settings: KafkaSettings, offset: number): Promise<void> {
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  try {
    // kafkajs finds the leader only in its metadata, which is empty until it has requested offsets.
    await admin.fetchTopicOffsets(settings.topic);
    await admin.deleteTopicRecords({ topic: settings.topic, partitions: [{ partition: 0, offset: String(offset) }] });
  } finally {
    await admin.disconnect();
  }
}

async function recreate(settings: KafkaSettings, partitions: number): Promise<void> {
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [settings.topic] });
  await admin.disconnect();
  const topic = openLogTopic({ settings, logger: silentLogger });
  await until('the topic to be gone', () =>
    topic.readSettings().then(
      () => false,
      (error: unknown) => error instanceof Error && 'reason' in error && error.reason === 'TopicMissing',
    ),
  );
  await topic.close();
  await createLog(settings, partitions);
}

describe('compressed batches', () => {
  for (const [name, type] of Object.entries(codecs)) {
    test(`by the broker with ${name} are read`, async () => {
      const topic = uniqueName('packed');
      const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
      const admin = plainClient(kafka.plaintextBootstrapServers).admin();
      await admin.connect();
      const configEntries = [
        { name: 'compression.type', value: name },
        { name: 'message.timestamp.type', value: 'LogAppendTime' },
      ];
      await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] });
      await admin.disconnect();
      await append(settings, 0, 20);
      await using opened = await open(settings);
      await (await opened.assignment()).readFrom(0, 0n);
      await until('all of them', () => opened.offsets(0).length === 20, { seen: () => opened.fatals });
      const records = opened.batches.flatMap((batch) => [...batch.records]);
      for (const record of records) assert.equal(decodeRecord(record).kind, 'addition');
    });

    test(`that unpack to a huge size with ${name} become unreadable records, and all partitions continue`, async () => {
      const settings = await createFilledLog([1, 1]);
      const producer = plainClient(kafka.plaintextBootstrapServers).producer();
      await producer.connect();
      const bomb = { partition: 0, key: 'k', value: Buffer.alloc(unpackedBytesMax + 1) };
      await producer.send({ topic: settings.topic, acks: -1, compression: type, messages: [bomb] });
      await producer.disconnect();
      await append(settings, 0, 3);
      await append(settings, 1, 3);
      await using opened = await open(settings);
      const assignment = await opened.assignment();
      await Promise.all([assignment.readFrom(0, 0n), assignment.readFrom(1, 0n)]);
      await until('all of both', () => opened.offsets(0).length === 5 && opened.offsets(1).length === 4, {
        seen: () => [opened.offsets(0), opened.offsets(1), opened.fatals, opened.stopped],
      });
      const unreadable = opened.batches.flatMap((batch) => batch.records.filter(({ unreadable }) => unreadable));
      assert.deepEqual(
        unreadable.map(({ offset, key, value, unreadable }) => [offset, key, value, unreadable]),
        [[1n, null, null, 'its batch unpacks to more than 16 MB']],
      );
    });
  }
});

describe('transactions of a foreign producer', () => {
  /** Writes one record to partition 0 in a transaction. Returns the function that ends the transaction. */
  async function beginTransaction(topic: string): Promise<(end: 'commit' | 'abort') => Promise<void>> {
    const producer = plainClient(kafka.plaintextBootstrapServers).producer({
      transactionalId: uniqueName('transaction'),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic, acks: -1, messages: [{ partition: 0, key: 'k', value: 'foreign' }] });
    return async (end) => {
      await transaction[end]();
      await producer.disconnect();
    };
  }

  async function inTransaction(topic: string, end: 'commit' | 'abort'): Promise<void> {
    await (await beginTransaction(topic))(end);
  }

  const unreadable = (opened: Opened) =>
    opened.batches.flatMap(({ records }) =>
      records.flatMap(({ offset, unreadable }) => (unreadable === undefined ? [] : [`${offset}: ${unreadable}`])),
    );

  test('give their marker an unreadable record, also at the end of a quiet partition', async () => {
    const settings = await createFilledLog([1, 1]);
    await using opened = await open(settings, { idleCheckMs: 200 });
    const assignment = await opened.assignment();
    await Promise.all([assignment.readFrom(0, 0n), assignment.readFrom(1, 0n)]);
    await inTransaction(settings.topic, 'commit');
    await until('the record and the marker', () => opened.offsets(0).length === 3, {
      seen: () => [opened.offsets(0), opened.fatals, opened.stopped],
    });
    assert.equal(unreadable(opened).length, 1);
    assert.match(unreadable(opened)[0] ?? '', /^2: it is the marker of a transaction of producer \d+$/);
    await append(settings, 0, 2);
    await append(settings, 1, 2);
    await until('what follows', () => opened.offsets(0).length === 5 && opened.offsets(1).length === 3);
    assert.deepEqual([opened.fatals, opened.stopped], [[], []]);
  });

  test('that were committed are not treated as aborted, however often a quiet partition is checked; a claim after them works', async () => {
    const settings = await createFilledLog([1]);
    {
      await using opened = await open(settings, { idleCheckMs: 100 });
      await (await opened.assignment()).readFrom(0, 0n);
      for (let times = 0; times < 5; times++) await inTransaction(settings.topic, 'commit');
      await until('all places', () => opened.offsets(0).length === 11, { seen: () => opened.offsets(0) });
      assert.deepEqual(
        unreadable(opened).map((text) => text.replace(/: .*/, '')),
        ['2', '4', '6', '8', '10'],
      );
    }
    await append(settings, 0, 2);
    await using again = await open(settings, { idleCheckMs: 200 });
    const compared: bigint[] = [];
    await (await again.assignment()).readFrom(0, 11n, ({ offset }) => compared.push(offset) > 0);
    await until('what follows', () => again.offsets(0).length === 2, { seen: () => again.stopped });
    assert.deepEqual([compared, again.stopped], [[10n], []]);
  });

  test('that have not ended are named while they are waited for', async () => {
    const settings = await createFilledLog([1]);
    await using opened = await open(settings, { idleCheckMs: 200 });
    await (await opened.assignment()).readFrom(0, 0n);
    const endTransaction = await beginTransaction(settings.topic);
    await until('the wait', () => opened.waits.length > 0);
    assert.equal(opened.waits[0], '0: a transaction of a foreign producer has not ended at offset 1');
    await endTransaction('commit');
    await until('the record and the marker', () => opened.offsets(0).length === 3);
    assert.deepEqual([opened.fatals, opened.stopped], [[], []]);
  });

  test('that were aborted are named, and the records after them are read', async () => {
    const settings = await createFilledLog([1]);
    await inTransaction(settings.topic, 'abort');
    await append(settings, 0, 3);
    await using opened = await open(settings, { idleCheckMs: 200 });
    await (await opened.assignment()).readFrom(0, 0n);
    await until('all places of the log', () => opened.offsets(0).length === 6, {
      seen: () => [opened.offsets(0), opened.fatals, opened.stopped],
    });
    assert.deepEqual(opened.offsets(0), range(0, 6));
    assert.deepEqual(
      unreadable(opened).map((text) => text.replace(/producer \d+/, 'producer N')),
      [
        '1: it was written in a transaction of producer N that was aborted',
        '2: it is the marker of a transaction of producer N',
      ],
    );
  });
});
