import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';
import { type Daemon, startDaemon } from '#test/support/daemon.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import { plainClient } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';

// These tests stop their three brokers, so this file has its own brokers.
let folder: TemporaryFolder;
let kafka: Kafka;

before(async () => {
  folder = await createTemporaryFolder();
  kafka = await startKafka({ dir: join(folder.path, 'kafka'), nodes: 3 });
});
after(async () => {
  await kafka?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function createTopic(topic: string, partitions: number, replicas: number): Promise<void> {
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  const configEntries = [
    { name: 'min.insync.replicas', value: String(Math.max(1, replicas - 1)) },
    { name: 'message.timestamp.type', value: 'LogAppendTime' },
  ];
  const wanted = { topic, numPartitions: partitions, replicationFactor: replicas, configEntries };
  await until('the topic to be made', () =>
    admin.createTopics({ waitForLeaders: true, topics: [wanted] }).then(
      () => true,
      (error: Error) => /already exists/.test(error.message),
    ),
  );
  await admin.disconnect();
}

async function startCalculator(topic: string): Promise<Daemon> {
  const daemon = await startDaemon({
    name: 'calculator',
    environment: {
      SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.plaintextBootstrapServers,
      SUMPIPELINE_KAFKA_TOPIC: topic,
      SUMPIPELINE_KAFKA_GROUP: topic,
    },
  });
  await until('the calculator to be ready', async () => (await daemon.get('/readyz')).status === 200, {
    timeoutMs: 30_000,
    seen: () => daemon.lines,
  });
  return daemon;
}

/** Sends additions in parallel loops until stopped. Collects position and time of the acknowledged additions. */
function load(daemon: Daemon, lanes: number) {
  const client = new GrpcClient(daemon.grpc, Calculator);
  const acknowledged: { id: string; partition: number; offset: bigint; at: number }[] = [];
  const refused = new Map<string, number>();
  let isStopping = false;
  const lane = async () => {
    while (!isStopping) {
      const requestId = randomUUID();
      const answer = await client.call('add', { requestId, a: '1', b: '2' });
      if (answer.ok) {
        const { partition = -1, offset = -1n } = answer.response.position ?? {};
        acknowledged.push({ id: requestId, partition, offset, at: performance.now() });
      } else refused.set(answer.details.slice(0, 90), (refused.get(answer.details.slice(0, 90)) ?? 0) + 1);
      await sleep(5);
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, lane));
  return {
    acknowledged,
    refused,
    seen: () => ({ acknowledged: acknowledged.length, refused, lines: daemon.lines.slice(-2) }),
    async stop() {
      isStopping = true;
      await running;
      client[Symbol.dispose]();
    },
  };
}

async function assertAllInLog(topic: string, acknowledged: ReturnType<typeof load>['acknowledged']): Promise<number> {
  const log = await auditLog(kafka.plaintextBootstrapServers, topic);
  const missing = acknowledged.filter(
    ({ id, partition, offset }) =>
      log.get(partition)?.[Number(offset)]?.key?.toString('hex') !== id.replaceAll('-', ''),
  );
  assert.deepEqual(
    missing,
    [],
    `${missing.length} of ${acknowledged.length} acknowledged additions are not in the log`,
  );
  return [...log.values()].reduce((sum, messages) => sum + messages.length, 0);
}

async function copiesOf(daemon: Daemon): Promise<number> {
  const { text } = await daemon.get('/metrics');
  return Number(/^sumpipeline_log_append_copies_total (\d+)/m.exec(text)?.[1] ?? 0);
}

for (const { replicas, why } of [
  { replicas: 3, why: 'whose replicas all wait for it' },
  { replicas: 1, why: 'that alone has its partitions' },
]) {
  test(`a hung broker ${why}: additions keep being acknowledged on the others`, async (context) => {
    const topic = uniqueName('hung');
    await createTopic(topic, 6, replicas);
    await using daemon = await startCalculator(topic);
    const running = load(daemon, 20);
    await until('some load', () => running.acknowledged.length > 500, { seen: running.seen });
    const pid = kafka.pid(2);
    assert.ok(pid !== undefined);
    const from = performance.now();
    const before = running.acknowledged.length;
    process.kill(pid, 'SIGSTOP');
    try {
      await until('load without the broker', () => running.acknowledged.length > before + 3_000, {
        timeoutMs: 60_000,
        seen: running.seen,
      });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await running.stop();
    const times = running.acknowledged.map(({ at }) => at).filter((at) => at >= from);
    const silence = Math.max(...times.map((at, index) => at - (times[index - 1] ?? from)));
    const copies = await copiesOf(daemon);
    const records = await assertAllInLog(topic, running.acknowledged);
    const count = running.acknowledged.length;
    context.diagnostic(
      `longest silence ${Math.round(silence)} ms; ${count} acknowledged, ${copies} copies, ${records} records, ` +
        `refused ${JSON.stringify([...running.refused])}`,
    );
    // Do not assert response times: they vary. Assert that fewer than 1 % of the calls failed.
    const failed = [...running.refused.values()].reduce((sum, some) => sum + some, 0);
    assert.ok(failed < count / 100, JSON.stringify([...running.refused]));
    assert.ok(copies < count / 10, `${copies} copies of ${count}`);
  });
}

test('a topic that grows from 3 to 12 partitions under load: fewer than 1 % errors, and the new ones are used', async (context) => {
  const topic = uniqueName('grow');
  await createTopic(topic, 3, 3);
  await using daemon = await startCalculator(topic);
  const running = load(daemon, 20);
  await until('some load', () => running.acknowledged.length > 300, { seen: running.seen });
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  await admin.createPartitions({ topicPartitions: [{ topic, count: 12 }] });
  await admin.disconnect();
  const grownAt = performance.now();
  const used = () => new Set(running.acknowledged.map(({ partition }) => partition));
  await until('every partition to be used', () => used().size === 12, { timeoutMs: 30_000, seen: running.seen });
  context.diagnostic(`all 12 partitions used after ${Math.round(performance.now() - grownAt)} ms`);
  await running.stop();
  await assertAllInLog(topic, running.acknowledged);
  const failed = [...running.refused.values()].reduce((sum, some) => sum + some, 0);
  assert.ok(failed < running.acknowledged.length / 100, JSON.stringify([...running.refused]));
});
