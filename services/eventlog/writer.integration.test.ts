import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeRecord, encodeRecord, schemaHeader } from '#contract/record.ts';
import { parseAddition } from '#core/addition.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { silentLogger } from '#platform/log.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';
import { startKafkaProxy } from '#test/support/kafkaProxy.ts';
import { createLog, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { AppendError, type LogRecordInput, type LogWriter } from './port.ts';
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

function newRecord(requestId: string = randomUUID()): LogRecordInput {
  return encodeRecord(parseAddition({ requestId, series: 's', a: '1', b: '2' }));
}

const inTime = (ms = 10_000) => ({ deadline: Date.now() + ms });

test('an append returns the position of its records, and the log has them there', async () => {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  await createLog(settings, 3);
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const first = await writer.append(1, [newRecord(), newRecord()], inTime());
  const ids = [randomUUID(), randomUUID()];
  const second = await writer.append(1, ids.map(newRecord), inTime());
  assert.deepEqual([first.baseOffset, second.baseOffset, second.partition], [0n, 2n, 1]);
  assert.ok(Math.abs((second.appendedAt ?? 0) - Date.now()) < 60_000, 'the time is that of the broker');
  await writer.close();
  const log = await auditLog(kafka.plaintextBootstrapServers, topic);
  assert.deepEqual([log.get(0)?.length, log.get(1)?.length, log.get(2)?.length], [0, 4, 0]);
  for (const [index, id] of ids.entries()) {
    const message = log.get(1)?.[2 + index];
    assert.ok(message);
    const schema = String(message.headers?.[schemaHeader]);
    const decoded = decodeRecord({ key: message.key, value: message.value, schema });
    assert.equal(decoded.kind === 'addition' ? decoded.addition.requestId : decoded, id);
  }
});

/** Writes records in parallel loops until stopped. Collects the acknowledged positions. */
function load(writer: LogWriter, lanes: number) {
  const acknowledged: { id: string; partition: number; offset: bigint }[] = [];
  const rejected: string[] = [];
  const reasons = new Map<string, number>();
  let isStopping = false;
  let next = 0;
  const lane = async () => {
    while (!isStopping) {
      const id = randomUUID();
      const record = newRecord(id);
      const partition = next++ % writer.partitionCount;
      try {
        const { baseOffset } = await writer.append(partition, [record], inTime(4_000));
        acknowledged.push({ id, partition, offset: baseOffset });
      } catch (error) {
        assert.ok(error instanceof AppendError, String(error));
        rejected.push(id);
        reasons.set(error.message, (reasons.get(error.message) ?? 0) + 1);
      }
      await sleep(1);
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, lane));
  return {
    acknowledged,
    rejected,
    reasons,
    async stop() {
      isStopping = true;
      await running;
    },
  };
}

/** Asserts that each acknowledged record is at its acknowledged position. Returns the number of records. */
async function assertAllInLog(
  topic: string,
  acknowledged: readonly { id: string; partition: number; offset: bigint }[],
) {
  const log = await auditLog(kafka.plaintextBootstrapServers, topic);
  const idAt = (partition: number, offset: bigint) => log.get(partition)?.[Number(offset)]?.key?.toString('hex');
  const missing = acknowledged.filter(
    ({ id, partition, offset }) => idAt(partition, offset) !== id.replaceAll('-', ''),
  );
  assert.deepEqual(missing, [], `${missing.length} of ${acknowledged.length} acknowledged records are not in the log`);
  return [...log.values()].reduce((sum, messages) => sum + messages.length, 0);
}

test('no acknowledged record is missing if responses are lost after the write', async () => {
  const topic = uniqueName('log');
  await createLog(plainLogSettings(kafka.plaintextBootstrapServers, topic), 3);
  await using proxy = await startKafkaProxy(kafka.plaintextBootstrapServers);
  const settings = plainLogSettings(proxy.bootstrapServers, topic);
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  proxy.onProduce = (count) => (count % 7 === 6 ? 'reset' : 'pass');
  const running = load(writer, 10);
  await until('400 acknowledged', () => running.acknowledged.length >= 400, {
    timeoutMs: 40_000,
    seen: () => ({ seen: proxy.seen, acknowledged: running.acknowledged.length, reasons: running.reasons }),
  });
  proxy.onProduce = () => 'pass';
  await running.stop();
  await writer.close();
  const records = await assertAllInLog(topic, running.acknowledged);
  assert.ok(proxy.seen.reset > 20, `only ${proxy.seen.reset} responses were lost`);
  // There may be more records: a retry writes a record again that was written but not acknowledged.
  assert.ok(records >= running.acknowledged.length);
});

test('without a response the outcome is unknown at the deadline, and later appends work', async () => {
  const topic = uniqueName('log');
  await createLog(plainLogSettings(kafka.plaintextBootstrapServers, topic), 1);
  await using proxy = await startKafkaProxy(kafka.plaintextBootstrapServers);
  const settings = plainLogSettings(proxy.bootstrapServers, topic);
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  proxy.onProduce = () => 'hold';
  const startedAt = performance.now();
  await assert.rejects(writer.append(0, [newRecord()], inTime(1_500)), (error: unknown) => {
    assert.ok(error instanceof AppendError);
    assert.match(error.message, /partition 0 did not acknowledge: no response before the deadline/);
    return true;
  });
  const ms = performance.now() - startedAt;
  assert.ok(ms > 1_400 && ms < 2_500, `${Math.round(ms)} ms`);
  proxy.onProduce = () => 'pass';
  const { baseOffset } = await writer.append(0, [newRecord()], inTime());
  assert.equal(baseOffset, 1n, 'the record with the unknown outcome is at offset 0');
  const closing = performance.now();
  await writer.close(1_000);
  assert.ok(performance.now() - closing < 3_000, 'closing does not wait for the missing response');
});

test('kill -9 of the broker in the middle of a load loses nothing that was acknowledged', async () => {
  const topic = uniqueName('log');
  const settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, topic) });
  await createLog(settings, 3);
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const running = load(writer, 10);
  const seen = () => ({ acknowledged: running.acknowledged.length, reasons: running.reasons });
  await until('some load', () => running.acknowledged.length > 200, { seen });
  await kafka.kill(1);
  const before = running.acknowledged.length;
  await kafka.start(1);
  await until('load after the restart', () => running.acknowledged.length > before + 200, { timeoutMs: 40_000, seen });
  await running.stop();
  await writer.close();
  await assertAllInLog(topic, running.acknowledged);
});

test('added partitions are seen without a restart', async () => {
  const topic = uniqueName('log');
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  await createLog(settings, 1);
  const writer = await openLogWriter({
    settings,
    logger: silentLogger,
    onFatal: assert.ifError,
    metadataEveryMs: 100,
  });
  assert.equal(writer.partitionCount, 1);
  await createLog(settings, 4);
  await until('4 partitions', () => writer.partitionCount === 4);
  const { baseOffset } = await writer.append(3, [newRecord()], inTime());
  assert.equal(baseOffset, 0n);
  await writer.close();
});

test('a record that is too large is refused at once as too large, also in a batch with a small one', async () => {
  const topic = uniqueName('log');
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, topic);
  await createLog(settings, 1);
  const writer = await openLogWriter({ settings, logger: silentLogger, onFatal: assert.ifError });
  const startedAt = performance.now();
  const huge = { ...newRecord(), value: new Uint8Array(2 * 1024 * 1024) };
  const tooLarge = (error: unknown) => error instanceof AppendError && error.outcome === 'tooLarge';
  await assert.rejects(writer.append(0, [huge], inTime()), tooLarge);
  await assert.rejects(writer.append(0, [newRecord(), huge], inTime()), /too large|larger than/);
  assert.ok(performance.now() - startedAt < 5_000);
  await writer.append(0, [newRecord()], inTime());
  await writer.close();
});

test('a topic that is missing is named when the writer opens', async () => {
  const settings = plainLogSettings(kafka.plaintextBootstrapServers, uniqueName('absent'));
  await assert.rejects(openLogWriter({ settings, logger: silentLogger, onFatal() {} }), {
    reason: 'TopicMissing',
    message: new RegExp(`topic ${settings.topic} does not exist`),
  });
});
