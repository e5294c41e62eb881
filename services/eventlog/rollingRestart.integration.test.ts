import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { silentLogger } from '#platform/log.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';
import { FakeBooks, startMiniAggregator } from '#test/support/fakeBooks.ts';
import { plainClient, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { AppendError } from './port.ts';
import { openLogTopic } from './topic.ts';
import { openLogWriter } from './writer.ts';

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

const partitions = 6;

test('a rolling restart of three brokers and a kill -9 lose no acknowledged record, and each is read once', async (context) => {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  const admin = openLogTopic({ settings, logger: silentLogger });
  await until('three brokers to take the topic', () =>
    admin.ensure({ isCounted: false, partitions, replicas: 3, minInSyncReplicas: 2, retentionMs: -1, config: {} }).then(
      () => true,
      () => false,
    ),
  );
  await admin.close();
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const acknowledged: { ids: string[]; partition: number; baseOffset: bigint }[] = [];
  const rejections = new Map<string, number>();
  let isStopping = false;
  const lane = async (partition: number) => {
    while (!isStopping) {
      const ids = Array.from({ length: 4 }, () => randomUUID());
      const records = ids.map((requestId) => encodeRecord(parseAddition({ requestId, series: 's', a: '1', b: '2' })));
      try {
        const { baseOffset } = await writer.append(partition, records, { deadline: Date.now() + 10_000 });
        acknowledged.push({ ids, partition, baseOffset });
      } catch (error) {
        assert.ok(error instanceof AppendError, String(error));
        rejections.set(error.message, (rejections.get(error.message) ?? 0) + 1);
      }
      await sleep(15);
    }
  };
  const load = Promise.all(Array.from({ length: partitions }, (_, partition) => lane(partition)));
  const books = new FakeBooks();
  await using one = startMiniAggregator({ name: 'one', settings, books });
  const seen = () => ({
    acknowledged: acknowledged.length,
    counted: books.total,
    rejections,
    events: one.events.slice(-20),
  });

  for (const node of kafka.nodeIds) {
    const soFar = acknowledged.length;
    await kafka.stopNode(node);
    await until(`load without broker ${node}`, () => acknowledged.length > soFar + 60, { timeoutMs: 60_000, seen });
    await kafka.start(node);
    await until('all replicas to be in sync', () => isInSync(topic), { timeoutMs: 60_000, seen });
  }
  const soFar = acknowledged.length;
  await kafka.kill(2);
  await until('load after the kill', () => acknowledged.length > soFar + 60, { timeoutMs: 60_000, seen });
  await kafka.start(2);
  isStopping = true;
  await load;
  await writer.close();

  const log = await auditLog(kafka.plaintextBootstrapServers, topic);
  const inLog = [...log.values()].reduce((sum, messages) => sum + messages.length, 0);
  const missing = acknowledged.filter(({ ids, partition, baseOffset }) =>
    ids.some(
      (id, index) => log.get(partition)?.[Number(baseOffset) + index]?.key?.toString('hex') !== id.replaceAll('-', ''),
    ),
  );
  assert.deepEqual(missing, [], `${missing.length} of ${acknowledged.length} acknowledged batches are not in the log`);
  await until('everything to be counted', () => books.total === inLog, { timeoutMs: 60_000, seen });
  const counted = [...books.committed.values()].flat().map(({ key }) => Buffer.from(key ?? []).toString('hex'));
  const present = [...log.values()].flat().map(({ key }) => key?.toString('hex'));
  assert.deepEqual(counted.toSorted(), present.toSorted());
  const summary = { acknowledged: acknowledged.length * 4, inLog, generations: one.assignments.length };
  context.diagnostic(JSON.stringify({ ...summary, fatals: one.fatals.length, rejections: [...rejections] }));
});

async function isInSync(topic: string): Promise<boolean> {
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.every(({ isr }) => isr.length === 3) ?? false;
  } finally {
    await admin.disconnect();
  }
}
