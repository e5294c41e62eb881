import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import kafkajs, { type Producer } from 'kafkajs';
import pg from 'pg';
import { aggregatorEnvironment } from '#contract/config.ts';
import { aggregatorMetrics } from '#contract/metrics.ts';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { createAggregator } from '#services/aggregator/aggregator.ts';
import { allow } from '#test/support/acls.ts';
import { until } from '#test/support/condition.ts';
import { plainClient } from '#test/support/logSettings.ts';
import { loseEndOfLog } from '#test/support/lostSegment.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedPostgres, sharedPostgres, uniqueName } from '#tools/testing/servers.ts';
import { topicFileText } from '#tools/testing/topicFile.ts';
import type { AuditResult } from './result.ts';
import { auditResultSchema } from './result.ts';
import { runAudit } from './run.ts';

// This file has its own Kafka, because one test deletes the end of the log.
let folder: TemporaryFolder;
let kafka: Kafka;
let postgres: SharedPostgres;
let producer: Producer;

before(async () => {
  folder = await createTemporaryFolder();
  [kafka, postgres] = await Promise.all([startKafka({ dir: join(folder.path, 'kafka') }), sharedPostgres()]);
  const files = { 'kafka-ca': kafka.caPem, 'store-ca': postgres.caPem, 'topic.json': topicFileText(2) };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder.path, name), content);
  for (const [name, content] of Object.entries({ admin: kafka.username, 'admin-password': kafka.password })) {
    await writeFile(join(folder.path, name), content);
  }
  producer = plainClient(kafka.plaintextBootstrapServers).producer({ allowAutoTopicCreation: false });
  await producer.connect();
});

after(async () => {
  await producer?.disconnect();
  await kafka?.stop();
  await folder?.[Symbol.asyncDispose]();
});

interface Pipeline {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Creates a pipeline with its own database and its own Kafka user. The user may only READ the topic. */
async function createPipeline(prefix: string): Promise<Pipeline> {
  const name = uniqueName(prefix);
  const file = async (base: string, content: string) => {
    const path = join(folder.path, `${name}-${base}`);
    await writeFile(path, content);
    return path;
  };
  await kafka.addUser({ username: name, password: 'secret' });
  await allow(kafka, name, { topic: [name, 'READ'] });
  const environment = {
    SUMPIPELINE_NAMESPACE: 'shop',
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: name,
    SUMPIPELINE_KAFKA_GROUP: name,
    SUMPIPELINE_KAFKA_TLS: 'true',
    SUMPIPELINE_KAFKA_CA_FILE: join(folder.path, 'kafka-ca'),
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
    SUMPIPELINE_KAFKA_USERNAME_FILE: await file('username', name),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: await file('password', 'secret'),
    SUMPIPELINE_STORE_URI_FILE: await file('uri', await postgres.createDatabase(name)),
    SUMPIPELINE_STORE_CA_FILE: join(folder.path, 'store-ca'),
    SUMPIPELINE_STORE_SCHEMA: 'books',
  };
  return { name, environment };
}

/** Runs the real aggregator until all records of `work` are counted. A super user may also create the topic. */
async function count({ name, environment }: Pipeline, work: () => Promise<unknown>): Promise<void> {
  const config = parseEnvironment(aggregatorEnvironment, {
    ...environment,
    SUMPIPELINE_KAFKA_USERNAME_FILE: join(folder.path, 'admin'),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: join(folder.path, 'admin-password'),
    SUMPIPELINE_TOPIC_FILE: join(folder.path, 'topic.json'),
  });
  let isReady = false;
  const aggregator = createAggregator({
    config,
    logger: silentLogger,
    metrics: createMetrics(aggregatorMetrics, { processMetrics: false }).metrics,
    onVerdict: ({ exact }) => (isReady ||= exact !== null),
    onReady: () => {},
  });
  aggregator.start();
  try {
    await until('the aggregator to have judged', () => isReady, { timeoutMs: 60_000 });
    await work();
    let seen: unknown;
    const isCounted = async () => {
      const ends = await logEnds(name);
      const { rows } = await query(name, 'SELECT partition, next_offset::text AS next FROM books.partitions');
      seen = { ends, rows };
      return ends.every(({ partition, high }) => rows.find((row) => row['partition'] === partition)?.['next'] === high);
    };
    await until('the books to reach the end of the log', isCounted, { timeoutMs: 60_000, seen: () => seen });
  } finally {
    await aggregator.close();
  }
}

async function withAdmin<T>(
  work: (admin: ReturnType<ReturnType<typeof plainClient>['admin']>) => Promise<T>,
): Promise<T> {
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

function logEnds(topic: string) {
  return withAdmin((admin) => admin.fetchTopicOffsets(topic));
}

async function query(database: string, sql: string): Promise<pg.QueryResult<Record<string, unknown>>> {
  const client = new pg.Client(postgres.clientConfig(database));
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

interface Written {
  readonly id: number;
  readonly a?: string;
  readonly series?: string;
  readonly partition?: number;
}

/** Writes additions as a calculator does, by default to partition 0. */
async function write(topic: string, additions: readonly Written[]): Promise<void> {
  const messages = additions.map(({ id, a = String(id), series = 's', partition = 0 }) => {
    const { key, value, headers } = encodeRecord(parseAddition({ requestId: idOf(id), series, a, b: '0.5' }));
    return { key: Buffer.from(key), value: Buffer.from(value), headers, partition };
  });
  for (const [partition, some] of Map.groupBy(messages, (message) => message.partition)) {
    await producer.send({ topic, acks: -1, messages: some.map((message) => ({ ...message, partition })) });
  }
}

function run({ environment }: Pipeline, to = new Map<number, bigint>()): Promise<AuditResult> {
  const config = parseEnvironment(aggregatorEnvironment, environment);
  return runAudit({ config, to, onProgress: () => {}, onWait: () => {} });
}

const numbers = (from: number, to: number): Written[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: from + index, partition: (from + index) % 2 }));

const kinds = ({ counts }: AuditResult) => Object.keys(counts).sort();

describe('the audit', () => {
  test('is exact with copies and conflicts, for every codec, with only the permission READ on the topic', async () => {
    const pipeline = await createPipeline('exact');
    await count(pipeline, async () => {
      let from = 0;
      for (const codec of ['gzip', 'snappy', 'lz4', 'zstd', 'uncompressed']) {
        const configEntries = [{ name: 'compression.type', value: codec }];
        const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: pipeline.name, configEntries };
        await withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }));
        await write(pipeline.name, numbers(from, from + 400));
        from += 400;
      }
      await write(pipeline.name, [...numbers(100, 150), { id: 7, a: '1000' }, { id: 5000, series: 'naïve ☕' }]);
    });
    const result = await run(pipeline);
    assert.deepEqual([result.verdict, result.findings, result.notChecked], ['exact', [], []], result.message);
    const sum = (name: 'applied' | 'duplicate' | 'conflict') =>
      result.partitions.reduce((total, partition) => total + Number(partition[name]), 0);
    assert.deepEqual([sum('applied'), sum('duplicate'), sum('conflict')], [2001, 50, 1]);
  });

  test('is exact while an aggregator continues to count', async () => {
    const pipeline = await createPipeline('beside');
    const verdicts: string[] = [];
    await count(pipeline, async () => {
      await write(pipeline.name, numbers(0, 500));
      for (let from = 500; from < 5_000; from += 500) {
        const writing = write(pipeline.name, [...numbers(from, from + 500), ...numbers(from - 200, from)]);
        const { verdict, findings, notChecked } = await run(pipeline);
        verdicts.push(verdict === 'exact' ? verdict : JSON.stringify({ findings, notChecked }));
        await writing;
      }
    });
    assert.deepEqual(verdicts, Array(9).fill('exact'));
  });

  test('agrees with the parked records: foreign records, markers and aborted transactions', async () => {
    const pipeline = await createPipeline('parked');
    await count(pipeline, async () => {
      await write(pipeline.name, numbers(0, 10));
      const topic = pipeline.name;
      await producer.send({ topic, acks: -1, messages: [{ partition: 0, key: 'k', value: 'not an addition' }] });
      const foreign = plainClient(kafka.plaintextBootstrapServers).producer({
        transactionalId: topic,
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await foreign.connect();
      for (const end of ['commit', 'abort'] as const) {
        const transaction = await foreign.transaction();
        await transaction.send({ topic, acks: -1, messages: [{ partition: 1, key: 'k', value: 'foreign' }] });
        await transaction[end]();
      }
      await foreign.disconnect();
      await write(pipeline.name, numbers(10, 20));
    });
    const result = await run(pipeline);
    assert.deepEqual(result.counts, { RecordsParked: 2 }, JSON.stringify(result.findings));
    assert.deepEqual(
      result.partitions.map(({ parked }) => parked),
      ['1', '4'],
    );
  });

  test('names the range that retention removed, and stops at the given positions', async () => {
    const pipeline = await createPipeline('retention');
    await count(pipeline, () => write(pipeline.name, [...numbers(0, 100), ...numbers(0, 10)]));
    await withAdmin(async (admin) => {
      // Load the metadata first: kafkajs finds the leader only in metadata that an earlier call loaded.
      await admin.fetchTopicOffsets(pipeline.name);
      await admin.deleteTopicRecords({ topic: pipeline.name, partitions: [{ partition: 0, offset: '20' }] });
    });
    const result = await run(pipeline);
    assert.deepEqual([result.verdict, result.counts], ['exact', {}]);
    assert.deepEqual(
      result.removed.map(({ partition, fromOffset, toOffset, rows }) => [partition, fromOffset, toOffset, rows]),
      [[0, '0', '19', '20']],
    );
    const upTo = await run(pipeline, new Map([[0, 30n]]));
    assert.deepEqual(
      upTo.partitions.map(({ comparedTo }) => comparedTo),
      ['30', '55'],
    );
    assert.equal(upTo.verdict, 'exact');
    await assert.rejects(
      run(pipeline, new Map([[0, 56n]])),
      /--to names offset 55, but only the offsets below 55 are counted/,
    );
    await query(pipeline.name, `UPDATE books.ledger SET series = 'other' WHERE "offset" = 10 AND partition = 0`);
    assert.deepEqual(kinds(await run(pipeline)), ['TotalDiffers']);
  });

  test('finds records that were never counted, because the log lost its end and grew again', async () => {
    const pipeline = await createPipeline('cut');
    await count(pipeline, async () => {
      for (let from = 0; from < 300; from += 15) await write(pipeline.name, numbers(from, from + 15));
    });
    const [node = 1] = kafka.nodeIds;
    await kafka.kill(node);
    await loseEndOfLog(join(folder.path, 'kafka'), `${pipeline.name}-0`);
    await kafka.start(node);
    const cut = await run(pipeline);
    assert.deepEqual(kinds(cut), ['LogCut', 'NotInLog'], JSON.stringify(cut.findings));
    await write(
      pipeline.name,
      numbers(300, 400).map((one) => ({ ...one, partition: 0 })),
    );
    const grown = await run(pipeline);
    assert.equal(grown.verdict, 'notExact');
    assert.deepEqual(kinds(grown), ['NotCounted', 'NotInLog']);
    assert.equal(grown.counts['NotCounted'], grown.counts['NotInLog']);
    assert.deepEqual(
      grown.series.map(({ series }) => series),
      ['s'],
    );
    assert.ok(Number(grown.series[0]?.difference) > 0, JSON.stringify(grown.series));
  });

  test('reports that the topic was re-created, and still checks that the books are consistent', async () => {
    const pipeline = await createPipeline('again');
    await count(pipeline, () => write(pipeline.name, numbers(0, 20)));
    await withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [pipeline.name] });
      await admin.createTopics({ topics: [{ topic: pipeline.name, numPartitions: 2 }] });
    });
    const result = await run(pipeline);
    assert.deepEqual(kinds(result), ['LogChanged']);
    assert.equal(result.notChecked.length, 2);
  });

  test('runs as a program: one line of JSON, exit code 0, 1 or 3, and a message if something is missing', async () => {
    const pipeline = await createPipeline('program');
    await count(pipeline, () => write(pipeline.name, numbers(0, 20)));
    const exact = await program(pipeline);
    assert.equal(exact.exitCode, 0, exact.stderr);
    assert.equal(auditResultSchema.parse(JSON.parse(exact.stdout)).verdict, 'exact');
    assert.match(exact.stderr, /^partition \d at offset 10: \d+ % of 20 offsets$/m);
    await query(pipeline.name, 'UPDATE books.totals SET total = total + 1 WHERE partition = 0');
    assert.equal((await program(pipeline)).exitCode, 1);
    const other = await createPipeline('program');
    const { SUMPIPELINE_KAFKA_USERNAME_FILE, SUMPIPELINE_KAFKA_PASSWORD_FILE } = other.environment;
    const otherUser = { SUMPIPELINE_KAFKA_USERNAME_FILE, SUMPIPELINE_KAFKA_PASSWORD_FILE };
    const refused = await program({
      ...pipeline,
      environment: { ...pipeline.environment, ...otherUser } as Record<string, string>,
    });
    assert.equal(refused.exitCode, 3);
    assert.match(refused.stderr, /grant READ on topic program-/);
    assert.equal((await program(pipeline, '--to', 'x')).exitCode, 2);
  });
});

interface Damage {
  readonly what: string;
  readonly sql: string;
  readonly finds: readonly string[];
}

const ledgerOf = (id: number) => `books.ledger WHERE request_id = '${idOf(id)}'`;

const damages: readonly Damage[] = [
  {
    what: 'a ledger row is missing',
    sql: `DELETE FROM ${ledgerOf(40)}`,
    finds: ['CountersDiffer', 'NotCounted', 'TotalDiffers'],
  },
  {
    what: 'a ledger row has another value',
    sql: `UPDATE books.ledger SET a = a + 1, value = value + 1 WHERE request_id = '${idOf(40)}'`,
    finds: ['RowDiffers', 'TotalDiffers'],
  },
  {
    what: 'an addition is counted twice, at the offset of its copy',
    sql: `ALTER TABLE books.ledger DROP CONSTRAINT ledger_pkey;
      INSERT INTO books.ledger SELECT request_id, series, a, b, value, log_epoch, partition, 50, appended_at FROM ${ledgerOf(0)};
      UPDATE books.totals SET total = total + 0.5, count = count + 1 WHERE partition = 0;
      UPDATE books.partitions SET applied = applied + 1, duplicate = duplicate - 1 WHERE partition = 0`,
    finds: ['CountedTwice'],
  },
  { what: 'a total is changed', sql: 'UPDATE books.totals SET total = total + 1', finds: ['TotalDiffers'] },
  { what: 'a total is missing', sql: 'DELETE FROM books.totals WHERE partition = 1', finds: ['TotalDiffers'] },
  {
    what: 'a counter is changed',
    sql: 'UPDATE books.partitions SET applied = applied + 1, duplicate = duplicate - 1 WHERE partition = 0',
    finds: ['CountersDiffer'],
  },
  {
    what: 'the counters do not cover the offsets',
    sql: `ALTER TABLE books.partitions DROP CONSTRAINT conservation_law;
      UPDATE books.partitions SET applied = applied + 1 WHERE partition = 0`,
    finds: ['CountersDiffer', 'LawViolated'],
  },
  {
    what: 'a record below the next offset has no disposition',
    sql: 'UPDATE books.partitions SET next_offset = next_offset + 1, duplicate = duplicate + 1 WHERE partition = 1',
    finds: ['CountersDiffer', 'NotCounted'],
  },
  {
    what: 'a ledger row is not in the log',
    sql: `UPDATE books.ledger SET request_id = gen_random_uuid() WHERE request_id = '${idOf(40)}'`,
    finds: ['NotCounted', 'NotInLog'],
  },
  {
    what: 'the ledger has a row of a partition that is not listed',
    sql: `INSERT INTO books.ledger SELECT gen_random_uuid(), series, a, b, value, log_epoch, 7, 0, appended_at FROM ${ledgerOf(40)}`,
    finds: ['RowsOutside'],
  },
  { what: 'a conflict is missing', sql: 'DELETE FROM books.conflicts', finds: ['ConflictMissing', 'CountersDiffer'] },
  { what: 'a conflict is changed', sql: 'UPDATE books.conflicts SET a = a + 1', finds: ['ConflictDiffers'] },
  { what: 'a parked record is missing', sql: 'DELETE FROM books.parked', finds: ['CountersDiffer', 'NotParked'] },
  {
    what: 'a parked record has other bytes',
    sql: `UPDATE books.parked SET value = 'other'`,
    finds: ['ParkedDiffers', 'RecordsParked'],
  },
];

describe('the audit finds that', () => {
  let base: Pipeline;
  before(async () => {
    base = await createPipeline('damage');
    await count(base, async () => {
      await write(base.name, numbers(0, 100));
      // In partition 0, offset 50 is a copy, 51 is a conflict, and 52 is a record of a foreign producer.
      await write(base.name, [{ id: 0 }, { id: 2, a: '9' }]);
      await producer.send({ topic: base.name, acks: -1, messages: [{ partition: 0, key: 'k', value: 'foreign' }] });
    });
    await write(base.name, [{ id: 200, partition: 1 }]);
  });

  const always = 'RecordsParked';
  for (const { what, sql, finds } of [{ what: 'none', sql: 'SELECT', finds: [] }, ...damages]) {
    test(what, async () => {
      const database = uniqueName('damaged');
      await query('postgres', `CREATE DATABASE "${database}" TEMPLATE "${base.name}"`);
      await query(database, sql);
      const uri = join(folder.path, database);
      await writeFile(uri, postgres.uri(database));
      const result = await run({ ...base, environment: { ...base.environment, SUMPIPELINE_STORE_URI_FILE: uri } });
      const expected = what === 'a parked record is missing' ? finds : [...new Set([...finds, always])].sort();
      assert.deepEqual(kinds(result), expected, JSON.stringify(result.findings, undefined, 1));
      assert.equal(result.verdict, 'notExact');
    });
  }
});

async function program({ environment }: Pipeline, ...args: string[]) {
  const entry = join(import.meta.dirname, '..', 'sumpipeline.ts');
  const child = spawn(process.execPath, [entry, 'audit', ...args], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, exitCode: child.exitCode };
}
