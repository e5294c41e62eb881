import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type Admin, Kafka as KafkaClient, logLevel, type Producer } from 'kafkajs';
import pg from 'pg';
import { aggregatorEnvironment } from '#contract/config.ts';
import {
  GetAdditionRequestSchema,
  GetProofRequestSchema,
  GetTotalRequestSchema,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { aggregatorMetrics } from '#contract/metrics.ts';
import { encodeRecord } from '#contract/record.ts';
import type { Verdict } from '#contract/verdict.ts';
import { parseAddition } from '#core/addition.ts';
import { createCa } from '#lab/certificates/pki.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { type Postgres, startPostgres } from '#lab/postgres/postgres.ts';
import { waitFor } from '#lab/process/wait.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { createLogger, silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { loseEndOfLog } from '#test/support/lostSegment.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { topicFileText } from '#tools/testing/topicFile.ts';
import { createAggregator } from './aggregator.ts';

// These tests kill their servers, so this file has its own servers.
let folder: TemporaryFolder;
let kafka: Kafka;
let postgres: Postgres;
let producer: Producer;

before(async () => {
  folder = await createTemporaryFolder();
  [kafka, postgres] = await Promise.all([
    startKafka({ dir: join(folder.path, 'kafka') }),
    startPostgres({ dir: join(folder.path, 'postgres') }),
  ]);
  for (const [name, text] of [
    ['kafka-ca', kafka.caPem],
    ['username', kafka.username],
    ['password', kafka.password],
    ['uri', postgres.uri()],
    ['store-ca', postgres.caPem],
    ['topic.json', topicFileText(3)],
  ] as const) {
    await writeFile(join(folder.path, name), text);
  }
  producer = await connectProducer();
});

after(async () => {
  await producer?.disconnect();
  await Promise.all([kafka?.stop(), postgres?.stop()]);
  await folder?.[Symbol.asyncDispose]();
});

function plainKafka(): KafkaClient {
  return new KafkaClient({
    brokers: kafka.plaintextBootstrapServers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 20, initialRetryTime: 100, maxRetryTime: 1000 },
  });
}

async function connectProducer(): Promise<Producer> {
  const connected = plainKafka().producer({ allowAutoTopicCreation: false });
  await connected.connect();
  return connected;
}

function configFor(name: string, overrides: Record<string, string> = {}) {
  const file = (base: string) => join(folder.path, base);
  return parseEnvironment(aggregatorEnvironment, {
    SUMPIPELINE_NAMESPACE: 'shop',
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: name,
    SUMPIPELINE_KAFKA_GROUP: name,
    SUMPIPELINE_KAFKA_TLS: 'true',
    SUMPIPELINE_KAFKA_CA_FILE: file('kafka-ca'),
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
    SUMPIPELINE_KAFKA_USERNAME_FILE: file('username'),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: file('password'),
    SUMPIPELINE_STORE_URI_FILE: file('uri'),
    SUMPIPELINE_STORE_CA_FILE: file('store-ca'),
    SUMPIPELINE_STORE_SCHEMA: name,
    SUMPIPELINE_TOPIC_FILE: file('topic.json'),
    ...overrides,
  });
}

/** Starts an aggregator without its servers for gRPC, HTTP and metrics. The tests call its handlers. */
function startAggregator(name: string, overrides: Record<string, string> = {}) {
  const verdicts: Verdict[] = [];
  const { metrics, exposition } = createMetrics(aggregatorMetrics, { processMetrics: false });
  const aggregator = createAggregator({
    config: configFor(name, overrides),
    logger: process.env['DEBUG_LOG'] === undefined ? silentLogger : createLogger({ level: 'info' }),
    metrics,
    onVerdict: (verdict) => verdicts.push(verdict),
    onReady: () => {},
  });
  aggregator.start();
  return {
    api: aggregator.handlers,
    verdicts,
    metrics: () => exposition.render(),
    [Symbol.asyncDispose]: () => aggregator.close(),
  };
}

type Aggregator = ReturnType<typeof startAggregator>;

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = plainKafka().admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function deleteTopic(topic: string): Promise<void> {
  await withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
  await renewProducer();
}

/** Opens a new producer, because with old metadata kafkajs drops records for a new topic or partition silently. */
async function renewProducer(): Promise<void> {
  await producer.disconnect();
  producer = await connectProducer();
}

/** Returns the number of halted partitions that PostgreSQL has. */
async function haltsIn(schema: string): Promise<number> {
  const client = new pg.Client(postgres.clientConfig());
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(halt_reason)::int AS n FROM ${pg.escapeIdentifier(schema)}.partitions`,
    );
    return rows[0]?.n ?? 0;
  } finally {
    await client.end();
  }
}

interface Produced {
  readonly id: number;
  readonly a: string;
  readonly series?: string;
}

/** Writes additions as a calculator does. Returns the vector of their positions. */
async function produce(topic: string, additions: readonly Produced[], partitions = 3) {
  const vector = new Map<number, bigint>();
  for (let partition = 0; partition < partitions; partition++) {
    const mine = additions.filter(({ id }) => id % partitions === partition);
    if (mine.length === 0) continue;
    const messages = mine.map(({ id, a, series = 's' }) => {
      const { key, value, headers } = encodeRecord(parseAddition({ requestId: idOf(id), series, a, b: '0.5' }));
      return { key: Buffer.from(key), value: Buffer.from(value), headers, partition };
    });
    const [meta] = await producer.send({ topic, acks: -1, messages });
    vector.set(partition, BigInt(meta?.baseOffset ?? 0) + BigInt(mine.length - 1));
  }
  return [...vector].map(([partition, offset]) => ({ partition, offset, logEpoch: 0 }));
}

const call = () => ({ deadline: Date.now() + 60_000, signal: new AbortController().signal });

async function totalAtLeast(aggregator: Aggregator, atLeast: Awaited<ReturnType<typeof produce>>, series = 's') {
  const response = await aggregator.api.getTotal(create(GetTotalRequestSchema, { series, atLeast }), call());
  return [response.total?.total, response.total?.count];
}

async function proofOf(aggregator: Aggregator, recount = true) {
  return aggregator.api.getProof(create(GetProofRequestSchema, { recount }), call());
}

function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, timeoutMs = 60_000): Promise<T> {
  return waitFor({ what, timeoutMs }, async () => look());
}

const untilOpen = (aggregator: Aggregator) =>
  until('the aggregator is exact', () => aggregator.verdicts.at(-1)?.exact ?? undefined);

function numbers(from: number, to: number): Produced[] {
  return Array.from({ length: to - from }, (_, index) => ({ id: from + index, a: String(from + index) }));
}

/** Returns the sum of the additions `numbers(0, to)`. */
const sumTo = (to: number) => String((to * (to - 1)) / 2 + to * 0.5);

describe('an aggregator', () => {
  test('creates its topic, counts every addition once, and its proof is exact', async () => {
    const name = uniqueName('counts');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    await produce(name, numbers(0, 100));
    const again = await produce(name, numbers(50, 150));
    assert.deepEqual(await totalAtLeast(aggregator, again), [sumTo(150), 150n]);
    const conflicting = await produce(name, [{ id: 7, a: '1000' }]);
    assert.deepEqual(await totalAtLeast(aggregator, conflicting), [sumTo(150), 150n]);
    const addition = await aggregator.api.getAddition(create(GetAdditionRequestSchema, { requestId: idOf(7) }), call());
    assert.deepEqual([addition.addition?.a, addition.conflicts.map(({ a }) => a)], ['7', ['1000']]);
    const proof = await proofOf(aggregator);
    assert.deepEqual([proof.exact, proof.reason], [true, 'Exact']);
    const sum = (pick: (partition: (typeof proof.partitions)[number]) => bigint) =>
      proof.partitions.map(pick).reduce((total, value) => total + value, 0n);
    assert.deepEqual(
      [sum((p) => p.applied), sum((p) => p.duplicate), sum((p) => p.conflict), sum((p) => p.logEnd - p.nextOffset)],
      [150n, 50n, 1n, 0n],
    );
    assert.equal(aggregator.verdicts.at(-1)?.durability.reason, 'SettingsWeak');
    assert.equal(aggregator.verdicts.at(-1)?.partitions, 3);
  });

  test('soon commits the last offset of every partition to Kafka, and exports it as a metric at once', async () => {
    const name = uniqueName('dashboards');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    let vector = await produce(name, numbers(0, 10));
    for (let from = 10; from < 3000; from += 10) vector = await produce(name, numbers(from, Math.min(from + 10, 3000)));
    await totalAtLeast(aggregator, vector);
    let lag: unknown;
    await until(
      'the committed lag is 0',
      async () => {
        const [committed, ends] = await withAdmin((admin) =>
          Promise.all([admin.fetchOffsets({ groupId: name, topics: [name] }), admin.fetchTopicOffsets(name)]),
        );
        const offsets = new Map(committed[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        lag = ends.map(({ partition, high }) => Number(high) - (offsets.get(partition) ?? 0));
        return String(lag) === '0,0,0' ? true : undefined;
      },
      10_000,
    ).catch((error: Error) => assert.fail(`${error.message}; lag by partition: ${lag}`));
    const text = await aggregator.metrics();
    for (const partition of [0, 1, 2]) {
      assert.match(text, new RegExp(`sumpipeline_next_offset\\{partition="${partition}"\\} 1000\n`));
    }
    assert.match(text, /sumpipeline_assigned_partitions 3\n/);
    assert.match(text, /sumpipeline_rebalance_duration_seconds_count 1\n/);
    assert.doesNotMatch(text, /sumpipeline_partition_halted\{/);
  });

  test('exports when the first certificate of Kafka and of PostgreSQL expires, and follows a CA file', async () => {
    const [short, shorter] = [await createCa('old', { validDays: 20 }), await createCa('older', { validDays: 10 })];
    const file = join(folder.path, uniqueName('store-ca'));
    await writeFile(file, `${short.certPem}${postgres.caPem}`);
    await using aggregator = startAggregator(uniqueName('ends'), { SUMPIPELINE_STORE_CA_FILE: file });
    let text = '';
    const untilEnd = (peer: string, pem: string) => {
      const end = new X509Certificate(pem).validToDate.getTime() / 1000;
      const line = `sumpipeline_certificate_expiry_timestamp_seconds{peer="${peer}"} ${end}\n`;
      return until(line, async () => {
        text = await aggregator.metrics();
        return text.includes(line) || undefined;
      }).catch((error: Error) => assert.fail(`${error.message}: ${text.match(/.*certificate_expiry.*/g)}`));
    };
    await untilEnd('kafka', kafka.caPem);
    await untilEnd('postgres', short.certPem);
    await writeFile(file, `${postgres.caPem}${shorter.certPem}`);
    await untilEnd('postgres', shorter.certPem);
  });

  test('parks a record that is not an addition, continues, and is no longer exact', async () => {
    const name = uniqueName('parks');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    await producer.send({ topic: name, acks: -1, messages: [{ partition: 0, key: 'k', value: 'not an addition' }] });
    const after = await produce(name, numbers(0, 3));
    assert.deepEqual(await totalAtLeast(aggregator, after), [sumTo(3), 3n]);
    await until('the verdict flips', () => aggregator.verdicts.at(-1)?.exact === false || undefined);
    const text = await aggregator.metrics();
    // Durability is weak, because one broker keeps only one copy.
    for (const said of [/^sumpipeline_exact 0$/m, /^sumpipeline_durability_weak 1$/m]) assert.match(text, said);
    assert.equal(aggregator.verdicts.at(-1)?.reason, 'RecordsParked');
    assert.equal((await proofOf(aggregator)).exact, false);
  });

  test('parks the marker of a foreign transaction, and has no lag after it', async () => {
    const name = uniqueName('marker');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    const foreign = plainKafka().producer({ transactionalId: name, idempotent: true, maxInFlightRequests: 1 });
    await foreign.connect();
    const transaction = await foreign.transaction();
    await transaction.send({ topic: name, acks: -1, messages: [{ partition: 0, key: 'k', value: 'foreign' }] });
    await transaction.commit();
    await foreign.disconnect();
    const proof = await until('the marker is parked', async () => {
      const seen = await proofOf(aggregator, false);
      return seen.partitions.some(({ parked }) => parked === 2n) ? seen : undefined;
    });
    assert.deepEqual(
      proof.partitions.map((one) => one.logEnd - one.nextOffset),
      [0n, 0n, 0n],
    );
    assert.deepEqual([proof.exact, proof.reason], [false, 'RecordsParked']);
  });

  test('hands its partitions over to another aggregator, and every addition is counted once', async () => {
    const name = uniqueName('hands');
    await using first = startAggregator(name, { SUMPIPELINE_POD_NAME: 'first' });
    await untilOpen(first);
    await produce(name, numbers(0, 300));
    {
      await using second = startAggregator(name, { SUMPIPELINE_POD_NAME: 'second' });
      await untilOpen(second);
      for (let from = 300; from < 900; from += 100) await produce(name, numbers(from, from + 100));
    }
    const last = await produce(name, numbers(900, 1000));
    assert.deepEqual(await totalAtLeast(first, last), [sumTo(1000), 1000n]);
    assert.equal((await proofOf(first)).exact, true);
  });

  test('counts every addition once although PostgreSQL is killed', async () => {
    const name = uniqueName('store');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    const writing = (async () => {
      let last: Awaited<ReturnType<typeof produce>> = [];
      for (let from = 0; from < 20_000; from += 1000) last = await produce(name, numbers(from, from + 1000));
      return last;
    })();
    await until(
      'some are counted',
      async () => (await proofOf(aggregator, false)).partitions.some((p) => p.applied > 500n) || undefined,
    );
    await postgres.kill();
    await postgres.start();
    assert.deepEqual(await totalAtLeast(aggregator, await writing), [sumTo(20_000), 20_000n]);
    const proof = await proofOf(aggregator);
    assert.deepEqual([proof.exact, proof.reason], [true, 'Exact']);
  });

  test('counts every addition once although Kafka is killed', async () => {
    const name = uniqueName('broker');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    await produce(name, numbers(0, 5000));
    await kafka.kill(kafka.nodeIds[0] ?? 1);
    await kafka.start(kafka.nodeIds[0] ?? 1);
    const last = await until('Kafka takes records again', () => produce(name, numbers(5000, 6000)));
    assert.deepEqual(await totalAtLeast(aggregator, last), [sumTo(6000), 6000n]);
    assert.equal((await proofOf(aggregator)).exact, true);
  });

  for (const isRunning of [false, true]) {
    test(`halts when the log lost its end and grew past the next offset, while it ${isRunning ? 'runs' : 'is down'}`, async () => {
      const name = uniqueName('rewritten');
      let aggregator = startAggregator(name);
      try {
        await untilOpen(aggregator);
        let vector: Awaited<ReturnType<typeof produce>> = [];
        for (let from = 0; from < 300; from += 30) vector = await produce(name, numbers(from, from + 30));
        assert.deepEqual(await totalAtLeast(aggregator, vector), [sumTo(300), 300n]);
        if (!isRunning) await aggregator[Symbol.asyncDispose]();
        const [node = 1] = kafka.nodeIds;
        await kafka.kill(node);
        await loseEndOfLog(join(folder.path, 'kafka'), `${name}-0`);
        await kafka.start(node);
        // Write more records than were lost, so that the log ends after the next offset.
        await until('Kafka takes records again', () => produce(name, numbers(300, 390)));
        if (!isRunning) aggregator = startAggregator(name);
        await until('the verdict says so', () => aggregator.verdicts.at(-1)?.exact === false || undefined);
        const { reason, message } = await until(
          'a reason of the partition',
          () => aggregator.verdicts.at(-1)?.halts[0],
        );
        // A running aggregator may see the log while it is still too short.
        assert.match(reason, isRunning ? /^Log(Rewritten|Truncated)$/ : /^LogRewritten$/, message);
        assert.match(message, /^partition 0: /);
        const proof = await proofOf(aggregator);
        assert.equal(proof.exact, false);
        assert.equal(proof.partitions.find(({ partition }) => partition === 0)?.applied, 100n);
      } finally {
        await aggregator[Symbol.asyncDispose]();
      }
    });
  }

  test('halts when records were deleted before they were counted, and names their offsets', async () => {
    const name = uniqueName('truncated');
    {
      await using aggregator = startAggregator(name);
      await untilOpen(aggregator);
      await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
    }
    await produce(name, numbers(30, 60));
    const admin = plainKafka().admin();
    await admin.connect();
    await until('records are deleted', async () => {
      // These two calls load the metadata in which kafkajs looks for the leader.
      await admin.fetchTopicMetadata({ topics: [name] });
      await admin.fetchTopicOffsets(name);
      await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 1, offset: '15' }] });
      return true;
    });
    await admin.disconnect();
    await using aggregator = startAggregator(name);
    const verdict = await until('it halts', () => aggregator.verdicts.find(({ halts }) => halts.length > 0));
    assert.equal(verdict.exact, false);
    assert.match(verdict.halts[0]?.message ?? '', /partition 1: the next offset is 10 but the log begins at 15/);
    const proof = await proofOf(aggregator);
    assert.deepEqual([proof.exact, proof.reason], [false, 'LogTruncated']);
  });

  test('never re-creates a topic that it has counted, and reports that it is missing', async () => {
    const name = uniqueName('gone');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
    await deleteTopic(name);
    const verdict = await until('it is missed', () =>
      aggregator.verdicts.find(({ kafka }) => kafka.message.includes('was not created again')),
    );
    assert.deepEqual([verdict.kafka.reason, verdict.exact], ['TopicMissing', null]);
    await using next = startAggregator(name);
    await until('the next process says the same', () =>
      next.verdicts.find(({ kafka }) => kafka.message.includes('was not created again')),
    );
    assert.equal(await withAdmin(async (admin) => (await admin.listTopics()).includes(name)), false);
  });

  test('counts nothing of a topic that was deleted and re-created while no aggregator ran', async () => {
    const name = uniqueName('replaced');
    let counted: Verdict['log'];
    {
      await using aggregator = startAggregator(name);
      await untilOpen(aggregator);
      await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
      counted = aggregator.verdicts.at(-1)?.log;
      assert.deepEqual([counted?.epoch, counted?.clusterId], [1, kafka.clusterId]);
    }
    await deleteTopic(name);
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic: name, numPartitions: 3 }] }));
    // Write more records than were counted, so that the offsets do not show that the topic is new.
    await until('it takes records', () => produce(name, numbers(1000, 1200)));
    await using aggregator = startAggregator(name);
    const verdict = await until('it is seen', () =>
      aggregator.verdicts.find(({ kafka }) => kafka.reason === 'LogChanged'),
    );
    assert.match(verdict.kafka.message, /deleted and re-created.*create a new SumPipeline with a new schema and topic/);
    const proof = await proofOf(aggregator);
    assert.deepEqual([proof.exact, proof.reason], [false, 'LogChanged']);
    assert.equal(verdict.log?.topicId, counted?.topicId, 'the verdict names the counted topic');
    assert.deepEqual(
      proof.partitions.map(({ nextOffset }) => nextOffset),
      [10n, 10n, 10n],
    );
    assert.ok(!aggregator.verdicts.some(({ exact }) => exact === true), 'no verdict was exact');
  });

  test('counts nothing of a topic that was deleted and re-created while it ran', async () => {
    const name = uniqueName('swapped');
    await using aggregator = startAggregator(name);
    await untilOpen(aggregator);
    await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
    await deleteTopic(name);
    await withAdmin((admin) => admin.createTopics({ topics: [{ topic: name, numPartitions: 3 }] }));
    await until('it takes records', () => produce(name, numbers(1000, 1209)));
    await until('it is seen', () => aggregator.verdicts.find(({ kafka }) => kafka.reason === 'LogChanged'));
    const proof = await proofOf(aggregator);
    assert.equal(proof.exact, false);
    const applied = proof.partitions.reduce((sum, partition) => sum + partition.applied, 0n);
    assert.equal(applied, 30n, 'no record of the new topic is counted');
    const later = aggregator.verdicts.findIndex(({ kafka }) => kafka.reason === 'LogChanged');
    assert.ok(!aggregator.verdicts.slice(later).some(({ exact }) => exact === true));
  });

  test('adds the partitions of a changed file, although others do so at the same time, and reads them', async () => {
    const name = uniqueName('growing');
    const path = join(folder.path, name);
    await writeFile(path, topicFileText(3));
    const grown = { SUMPIPELINE_TOPIC_FILE: path };
    await using first = startAggregator(name, { ...grown, SUMPIPELINE_POD_NAME: 'first' });
    await using second = startAggregator(name, { ...grown, SUMPIPELINE_POD_NAME: 'second' });
    await Promise.all([untilOpen(first), untilOpen(second)]);
    await totalAtLeast(first, await produce(name, numbers(0, 30)));
    await writeFile(path, topicFileText(6));
    for (const { verdicts } of [first, second]) {
      await until('a verdict with six partitions', () => verdicts.find(({ partitions }) => partitions === 6));
      assert.deepEqual(
        verdicts.filter(({ kafka }) => !kafka.ok && kafka.reason !== 'Unknown'),
        [],
        'Kafka was healthy in every verdict',
      );
    }
    await renewProducer();
    const { key, value, headers } = encodeRecord(parseAddition({ requestId: idOf(99), series: 's', a: '1', b: '0.5' }));
    const record = { partition: 5, key: Buffer.from(key), value: Buffer.from(value), headers };
    await producer.send({ topic: name, acks: -1, messages: [record] });
    await until(
      'partition 5 to be counted',
      async () =>
        (await proofOf(first, false)).partitions.some(({ partition, applied }) => partition === 5 && applied === 1n) ||
        undefined,
    );
  });

  test('continues after a restart although Kafka refuses the wanted settings, and reports the refusal', async () => {
    const name = uniqueName('refused');
    const path = join(folder.path, name);
    await writeFile(path, topicFileText(3));
    const file = { SUMPIPELINE_TOPIC_FILE: path };
    {
      await using aggregator = startAggregator(name, file);
      await untilOpen(aggregator);
      await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
    }
    await writeFile(path, topicFileText(3).replace('"config": {}', '"config": {"segment.bytes": "many"}'));
    await using aggregator = startAggregator(name, file);
    await untilOpen(aggregator);
    await totalAtLeast(aggregator, await produce(name, numbers(30, 60)));
    const { kafka, exact } = await until('the verdict', () => aggregator.verdicts.find(({ kafka }) => !kafka.ok));
    assert.equal(kafka.reason, 'TopicConflict');
    assert.match(kafka.message, /Kafka refuses to change topic .*segment\.bytes/);
    assert.notEqual(exact, false);
    await writeFile(path, topicFileText(3));
    await until('health', () => aggregator.verdicts.at(-1)?.kafka.ok || undefined);
  });

  test('reports what is wrong with a changed file, and continues to count', async () => {
    const name = uniqueName('illegible');
    const path = join(folder.path, name);
    await writeFile(path, topicFileText(3));
    await using aggregator = startAggregator(name, {
      SUMPIPELINE_TOPIC_FILE: path,
      SUMPIPELINE_TOPIC_SOURCE: 'ConfigMap orders-topic, key topic.json',
    });
    await untilOpen(aggregator);
    await writeFile(path, topicFileText(3).replace('3', '"three"'));
    const { kafka } = await until('a verdict', () =>
      aggregator.verdicts.find(({ kafka }) => kafka.reason === 'TopicConflict'),
    );
    assert.match(kafka.message, /ConfigMap orders-topic, key topic\.json: .*partitions/s);
    await totalAtLeast(aggregator, await produce(name, numbers(0, 30)));
    assert.equal(aggregator.verdicts.at(-1)?.exact, true);
    await writeFile(path, topicFileText(3));
    await until('health', () => aggregator.verdicts.at(-1)?.kafka.ok || undefined);
  });

  test('reports a halted partition on every replica, and at once after a restart', async () => {
    const name = uniqueName('halted');
    {
      await using first = startAggregator(name, { SUMPIPELINE_POD_NAME: 'first' });
      await using second = startAggregator(name, { SUMPIPELINE_POD_NAME: 'second' });
      await Promise.all([untilOpen(first), untilOpen(second)]);
      await totalAtLeast(first, await produce(name, numbers(0, 30)));
      const { key, value, headers } = encodeRecord(
        parseAddition({ requestId: idOf(99), series: 's', a: '1', b: '0.5' }),
      );
      const corrupt = Buffer.from(value);
      corrupt.writeUInt8(corrupt.readUInt8(corrupt.length - 1) ^ 1, corrupt.length - 1);
      const record = { partition: 0, key: Buffer.from(key), value: corrupt, headers };
      await producer.send({ topic: name, acks: -1, messages: [record] });
      await until('the books know', async () => (await haltsIn(name)) === 1 || undefined);
      for (const aggregator of [first, second]) {
        const proof = await proofOf(aggregator, false);
        assert.deepEqual([proof.exact, proof.reason], [false, 'RecordCorrupt']);
      }
    }
    await using aggregator = startAggregator(name);
    await until('it has judged', () => aggregator.verdicts.find(({ exact }) => exact !== null));
    assert.ok(!aggregator.verdicts.some(({ exact }) => exact === true), 'no verdict was exact');
  });

  test('refuses the schema of another pipeline, names that pipeline, and changes nothing', async () => {
    const name = uniqueName('inuse');
    {
      await using owner = startAggregator(name);
      await untilOpen(owner);
    }
    await using thief = startAggregator(name, { SUMPIPELINE_NAME: 'thief' });
    const verdict = await until('it is refused', () => thief.verdicts.find(({ store }) => !store.ok));
    assert.equal(verdict.store.reason, 'StoreInUse');
    assert.match(verdict.store.message, /books of pipeline shop\/inuse-.*delete this SumPipeline and create it again/);
    assert.equal(verdict.exact, null);
  });

  test('names a missing Secret and connects when it appears', async () => {
    const name = uniqueName('secret');
    const path = join(folder.path, `password-${name}`);
    await using aggregator = startAggregator(name, {
      SUMPIPELINE_KAFKA_PASSWORD_FILE: path,
      SUMPIPELINE_KAFKA_PASSWORD_SOURCE: 'Secret orders-kafka, key password',
    });
    const verdict = await until('it is missed', () => aggregator.verdicts.find(({ kafka }) => !kafka.ok));
    assert.deepEqual(
      [verdict.kafka.reason, verdict.kafka.message],
      ['SecretMissing', 'Kafka password: Secret orders-kafka, key password is missing or empty'],
    );
    await writeFile(path, 'wrong\n');
    const wrong = await until('it is refused', () =>
      aggregator.verdicts.find(({ kafka }) => kafka.reason === 'AuthenticationFailed'),
    );
    assert.match(wrong.kafka.message, /Secret orders-kafka, key password/);
    await writeFile(path, `${kafka.password}\n`);
    await untilOpen(aggregator);
  });
});
