import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { encodeRecord } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { silentLogger } from '#platform/log.ts';
import { until } from '#test/support/condition.ts';
import { FakeBooks, startMiniAggregator } from '#test/support/fakeBooks.ts';
import { startKafkaProxy } from '#test/support/kafkaProxy.ts';
import { createLog, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { NotMemberError } from './port.ts';
import type { KafkaSettings } from './settings.ts';
import { openLogWriter } from './writer.ts';

// These tests kill their broker, so this file has its own broker.
let folder: TemporaryFolder;
let kafka: Kafka;

before(async () => {
  folder = await createTemporaryFolder();
  kafka = await startKafka({ dir: join(folder.path, 'kafka') });
});
after(async () => {
  await kafka?.stop();
  await folder?.[Symbol.asyncDispose]();
});

async function append(settings: KafkaSettings, partition: number, count: number): Promise<void> {
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const records = Array.from({ length: count }, () =>
    encodeRecord(parseAddition({ requestId: randomUUID(), series: 's', a: '1', b: '2' })),
  );
  for (let index = 0; index < count; index += 10) {
    await writer.append(partition, records.slice(index, index + 10), { deadline: Date.now() + 20_000 });
  }
  await writer.close();
}

test('no record is lost or counted twice when a broker is killed and starts again', async () => {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  await createLog(settings, 2);
  await append(settings, 0, 200);
  await append(settings, 1, 200);
  const books = new FakeBooks();
  await using one = startMiniAggregator({
    settings,
    books,
    recordsMax: 10,
    onBatch: async () => void (await new Promise((resolve) => setTimeout(resolve, 20))),
  });
  const seen = () => ({ total: books.total, events: one.events });
  await until('some progress', () => books.total >= 50, { seen });
  await kafka.kill(1);
  const atKill = books.total;
  await kafka.start(1);
  await append(settings, 0, 50);
  await until('everything', () => books.total === 450, { timeoutMs: 60_000, seen });
  assert.ok(atKill < 400, `killed in the middle, at ${atKill}`);
});

test('a reader whose network was blocked cannot prove its membership, and the next owner continues', async () => {
  const topic = uniqueName('log');
  const direct = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  await createLog(direct, 1);
  await append(direct, 0, 20);
  await using proxy = await startKafkaProxy(kafka.plaintextBootstrapServers);
  const books = new FakeBooks();
  await using one = startMiniAggregator({
    name: 'one',
    settings: plainLogSettings(proxy.bootstrapServers, topic),
    books,
  });
  const seen = () => ({ total: books.total, events: [...one.events] });
  await until('the first 20', () => books.total === 20, { seen });
  const [assignment] = one.assignments;
  assert.ok(assignment);
  await assignment.proveMembership();
  proxy.setFrozen(true);
  await using two = startMiniAggregator({ name: 'two', settings: direct, books });
  await until('the successor to own the partition', () => two.owned().length === 1, {
    timeoutMs: 40_000,
    seen: () => [...one.events, ...two.events],
  });
  await append(direct, 0, 20);
  await until('what was appended meanwhile', () => books.total === 40, { seen });
  // This member received nothing, so it still believes that it owns the partition.
  assert.equal(assignment.signal.aborted, false);
  const proof = assignment.proveMembership();
  proxy.setFrozen(false);
  await assert.rejects(proof, NotMemberError);
  await append(direct, 0, 20);
  await until('the rest', () => books.total === 60, { seen: () => [...one.events, ...two.events] });
});

test('closing ends in time when Kafka is gone, also in the middle of a batch', async () => {
  const topic = uniqueName('log');
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  await createLog(settings, 1);
  await append(settings, 0, 20);
  const books = new FakeBooks();
  const gate = Promise.withResolvers<void>();
  const one = startMiniAggregator({ settings, books, onBatch: () => gate.promise });
  await until('a batch in hand', () => one.events.some((event) => event.includes('reads 0')), {
    seen: () => one.events,
  });
  await kafka.kill(1);
  const startedAt = performance.now();
  await one[Symbol.asyncDispose]();
  const ms = performance.now() - startedAt;
  gate.resolve();
  await kafka.start(1);
  assert.ok(ms < 4_000, `closing took ${Math.round(ms)} ms`);
});

test('if the coordinator is away for longer than kafkajs retries, the reader reports a fatal error', async () => {
  const topic = uniqueName('log');
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  await createLog(settings, 1);
  await append(settings, 0, 20);
  const books = new FakeBooks();
  await using one = startMiniAggregator({ settings, books });
  const seen = () => ({ total: books.total, events: one.events });
  await until('20 records', () => books.total === 20, { seen });
  await kafka.kill(1);
  await until('the fatal error', () => one.fatals.length > 0, { timeoutMs: 60_000, seen });
  assert.match(String(one.fatals[0]?.message), /Kafka at .* cannot be used/);
  await kafka.start(1);
  await append(settings, 0, 20);
  await until('the rest', () => books.total === 40, { timeoutMs: 60_000, seen });
});
