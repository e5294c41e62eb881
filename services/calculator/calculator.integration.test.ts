import assert from 'node:assert/strict';
import { randomUUID, X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { formatCountedLog } from '#contract/countedLog.ts';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { decodeRecord, schemaHeader } from '#contract/record.ts';
import { createCa } from '#lab/certificates/pki.ts';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { openTopicIdentity } from '#services/eventlog/topicIdentity.ts';
import { allow } from '#test/support/acls.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';
import { type Daemon, startDaemon } from '#test/support/daemon.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import { startKafkaProxy } from '#test/support/kafkaProxy.ts';
import { createLog, plainClient, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';

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

/** Creates a topic, and the environment of a calculator that writes to it over SASL_SSL. */
async function newPipeline(
  options: { partitions?: number; createTopic?: boolean; config?: Readonly<Record<string, string>> } = {},
) {
  const topic = uniqueName('log');
  const dir = join(folder.path, topic);
  const settings = await secureLogSettings({ kafka, topic, dir });
  if (options.createTopic !== false) await createLog(settings, options.partitions ?? 3, options.config);
  return {
    topic,
    dir,
    settings,
    environment: {
      SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
      SUMPIPELINE_KAFKA_TOPIC: topic,
      SUMPIPELINE_KAFKA_GROUP: topic,
      SUMPIPELINE_KAFKA_TLS: 'true',
      SUMPIPELINE_KAFKA_CA_FILE: join(dir, 'ca.crt'),
      SUMPIPELINE_KAFKA_CA_SOURCE: 'Secret orders-kafka, key ca.crt',
      SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
      SUMPIPELINE_KAFKA_USERNAME_FILE: join(dir, 'username'),
      SUMPIPELINE_KAFKA_USERNAME_SOURCE: 'Secret orders-kafka, key username',
      SUMPIPELINE_KAFKA_PASSWORD_FILE: join(dir, 'password'),
      SUMPIPELINE_KAFKA_PASSWORD_SOURCE: 'Secret orders-kafka, key password',
    },
  };
}

function plainEnvironment(bootstrapServers: string, topic: string) {
  return {
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: topic,
    SUMPIPELINE_KAFKA_GROUP: topic,
  };
}

async function untilReady(daemon: Daemon): Promise<void> {
  await until('the calculator to be ready', async () => (await daemon.get('/readyz')).status === 200, {
    seen: () => daemon.lines,
  });
}

async function post(daemon: Daemon, body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${daemon.http}/v1/additions`, { method: 'POST', body: text, headers });
  const answer = JSON.parse(await response.text()) as Record<string, unknown>;
  return { status: response.status, answer };
}

/** Returns the ids in the topic with their positions, as an independent consumer reads them. */
async function idsInLog(topic: string): Promise<Map<string, string[]>> {
  const places = new Map<string, string[]>();
  for (const [partition, messages] of await auditLog(kafka.plaintextBootstrapServers, topic)) {
    for (const { key, value, headers, offset } of messages) {
      const decoded = decodeRecord({ key, value, schema: String(headers?.[schemaHeader]) });
      assert.ok(decoded.kind === 'addition', inspect(decoded));
      const { requestId } = decoded.addition;
      places.set(requestId, [...(places.get(requestId) ?? []), `${partition}:${offset}`]);
    }
  }
  return places;
}

describe('adding', () => {
  test('to a topic that was deleted and re-created is refused, also if it was acknowledged before', async () => {
    const { topic, settings, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    const addition = { requestId: randomUUID(), a: '1', b: '2' };
    assert.equal((await post(daemon, addition)).status, 200);
    assert.equal((await post(daemon, addition)).answer['replayed'], true);
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    await createLog(settings, 3);
    // Send immediately: the calculator must not return the acknowledgement that it remembers of the deleted topic.
    for (const body of [addition, { ...addition, requestId: randomUUID() }]) {
      const { status, answer } = await post(daemon, body);
      assert.equal(status, 503, inspect(answer));
      assert.match(
        String(answer['detail']),
        /the log was replaced: its topic had id .* and now has id .*\. Nothing was written\./,
      );
    }
    assert.equal((await idsInLog(topic)).size, 0);
  });

  test('to a topic that was re-created before the calculator started is refused, because the counted one is known', async () => {
    const { topic, dir, settings, environment } = await newPipeline();
    const path = join(dir, 'log.json');
    const countedLog = async () => {
      const identity = await openTopicIdentity(settings);
      const topicId = await identity.read();
      identity.close();
      return formatCountedLog({ epoch: 1, topic, clusterId: kafka.clusterId, topicId });
    };
    await writeFile(path, await countedLog());
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    await createLog(settings, 3);
    await using daemon = await startDaemon({
      name: 'calculator',
      environment: { ...environment, SUMPIPELINE_LOG_FILE: path },
    });
    await untilReady(daemon);
    const addition = { requestId: randomUUID(), a: '1', b: '2' };
    const { status, answer } = await post(daemon, addition);
    assert.equal(status, 503, inspect(answer));
    assert.match(String(answer['detail']), /the log was replaced/);
    assert.equal((await idsInLog(topic)).size, 0);
    // From now on PostgreSQL counts the new topic.
    await writeFile(path, await countedLog());
    await until('it is written', async () => (await post(daemon, addition)).status === 200);
  });

  test('over HTTP and gRPC the response names the position of the addition', async () => {
    const { topic, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    const [one, two] = [randomUUID(), randomUUID()];
    const { status, answer } = await post(daemon, {
      requestId: one.toUpperCase(),
      series: 'apples',
      a: '1.50',
      b: 2.25,
    });
    assert.equal(status, 200, inspect(answer));
    const position = answer['position'] as { partition: number; offset: string; logEpoch: number };
    assert.deepEqual(
      { ...answer, position: undefined },
      { requestId: one, series: 'apples', result: '3.75', replayed: false, position: undefined },
    );
    assert.equal(position.logEpoch, 1);
    using client = new GrpcClient(daemon.grpc, Calculator);
    const added = await client.call('add', { requestId: two, a: '-0.0', b: '00'.slice(1) });
    assert.ok(added.ok, inspect(added));
    assert.deepEqual([added.response.series, added.response.result], ['default', '0']);
    const places = await idsInLog(topic);
    assert.deepEqual(places.get(one), [`${position.partition}:${position.offset}`]);
    assert.deepEqual(places.get(two), [`${added.response.position?.partition}:${added.response.position?.offset}`]);
  });

  test('a retry returns the first position and writes nothing; other operands conflict', async () => {
    const { topic, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    const requestId = randomUUID();
    const first = await post(daemon, { requestId, a: '1', b: '2' });
    const again = await post(daemon, { requestId, series: 'default', a: '1.0', b: '2' });
    assert.deepEqual(again.answer, { ...first.answer, replayed: true });
    const other = await post(daemon, { requestId, a: '1', b: '3' });
    assert.equal(other.status, 409);
    assert.match(String(other.answer['detail']), /was acknowledged here for 1 \+ 2 in series "default" at \d:\d/);
    assert.equal((await idsInLog(topic)).get(requestId)?.length, 1);
    const metrics = await daemon.get('/metrics');
    assert.match(metrics.text, /sumpipeline_calculator_replayed_total 1/);
    assert.match(metrics.text, /sumpipeline_requests_total\{method="Add",result="id-conflict"\} 1/);
  });

  test('if the topic accepts only small batches, many concurrent additions are all acknowledged', async () => {
    const { topic, environment } = await newPipeline({ config: { 'max.message.bytes': '8192' } });
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    using client = new GrpcClient(daemon.grpc, Calculator);
    const ids = Array.from({ length: 1000 }, () => randomUUID());
    const answers = await Promise.all(ids.map((requestId) => client.call('add', { requestId, a: '1', b: '2' })));
    const refused = answers.filter(({ ok }) => !ok);
    assert.deepEqual(refused.slice(0, 3), [], `${refused.length} of ${ids.length} were not acknowledged`);
    const places = await idsInLog(topic);
    assert.ok(ids.every((id) => places.has(id)));
  });

  test('an addition whose record alone is larger than the topic allows is refused with the setting to raise', async () => {
    const { topic, environment } = await newPipeline({ config: { 'max.message.bytes': '64' } });
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    const { status, answer } = await post(daemon, { requestId: randomUUID(), a: '1', b: '2' });
    assert.equal(status, 413, inspect(answer));
    assert.match(String(answer['detail']), /larger than the topic allows\. .* raise max\.message\.bytes of the topic/);
    assert.equal((await idsInLog(topic)).size, 0);
  });

  test('many additions at once are batched and each gets its own position', async () => {
    const { topic, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    using client = new GrpcClient(daemon.grpc, Calculator);
    const ids = Array.from({ length: 2000 }, () => randomUUID());
    const answers = await Promise.all(ids.map((requestId) => client.call('add', { requestId, a: '1', b: '2' })));
    const places = await idsInLog(topic);
    for (const [index, id] of ids.entries()) {
      const answer = answers[index];
      assert.ok(answer?.ok, inspect(answer));
      const { position } = answer.response;
      assert.deepEqual(places.get(id), [`${position?.partition}:${position?.offset}`]);
    }
    const { text } = await daemon.get('/metrics');
    const appends = Number(/append_batch_additions_count (\d+)/.exec(text)?.[1]);
    assert.ok(appends > 0 && appends < 1000, `${appends} appends for 2000 additions`);
    assert.match(text, /sumpipeline_calculator_queue_additions 0/);
    const ends = [...text.matchAll(/sumpipeline_log_end_offset\{partition="\d"\} (\d+)/g)].map(([, end]) =>
      Number(end),
    );
    assert.equal(ends.length, 3);
    assert.equal(
      ends.reduce((sum, end) => sum + end, 0),
      2000 + Number(/log_append_copies_total (\d+)/.exec(text)?.[1]),
      'the ends of the log, raised by every acknowledgement',
    );
  });
});

describe('a log that fails', () => {
  test('no acknowledged addition is lost if responses are lost after the write', async () => {
    const topic = uniqueName('log');
    await createLog(plainLogSettings(kafka.plaintextBootstrapServers, topic), 3);
    await using proxy = await startKafkaProxy(kafka.plaintextBootstrapServers);
    await using daemon = await startDaemon({
      name: 'calculator',
      environment: plainEnvironment(proxy.bootstrapServers, topic),
    });
    await untilReady(daemon);
    using client = new GrpcClient(daemon.grpc, Calculator);
    proxy.onProduce = (count) => (count % 3 === 2 ? 'reset' : 'pass');
    const acknowledged = new Map<string, string>();
    const lane = async () => {
      for (let count = 0; count < 40; count++) {
        const requestId = randomUUID();
        const answer = await client.call('add', { requestId, a: '1', b: '2' });
        if (!answer.ok) continue;
        acknowledged.set(requestId, `${answer.response.position?.partition}:${answer.response.position?.offset}`);
      }
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    assert.ok(proxy.seen.reset > 10, `only ${proxy.seen.reset} responses were lost`);
    assert.ok(acknowledged.size > 700, `only ${acknowledged.size} of 800 were acknowledged`);
    const places = await idsInLog(topic);
    const missing = [...acknowledged].filter(([id, place]) => places.get(id)?.includes(place) !== true);
    assert.deepEqual(missing, []);
  });

  test('while Kafka is down the calculator stays ready and returns: retry the same id; the retry counts once', async () => {
    const { topic, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    const requestId = randomUUID();
    await kafka.kill(1);
    const lost = await post(daemon, { requestId, a: '1', b: '2' }, { 'request-timeout-ms': '1500' });
    assert.equal(lost.status, 503, inspect(lost.answer));
    assert.match(String(lost.answer['type']), /outcome-unknown$/);
    assert.match(String(lost.answer['detail']), new RegExp(`retry with the same requestId ${requestId}`));
    assert.equal((await daemon.get('/readyz')).status, 200);
    await kafka.start(1);
    await until(
      'the retry to be acknowledged',
      async () => (await post(daemon, { requestId, a: '1', b: '2' })).status === 200,
      {
        timeoutMs: 40_000,
        seen: () => daemon.lines.slice(-3),
      },
    );
    assert.ok((await idsInLog(topic)).has(requestId));
  });

  test('kill -9 of the broker under load loses no acknowledged addition', async () => {
    const { topic, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    using client = new GrpcClient(daemon.grpc, Calculator);
    const acknowledged = new Map<string, string>();
    const refused = new Map<string, number>();
    let isStopping = false;
    const lane = async () => {
      while (!isStopping) {
        const requestId = randomUUID();
        const answer = await client.call('add', { requestId, a: '1', b: '2' }, { deadlineMs: 3_000 });
        if (answer.ok) {
          acknowledged.set(requestId, `${answer.response.position?.partition}:${answer.response.position?.offset}`);
        } else refused.set(answer.details.slice(0, 80), (refused.get(answer.details.slice(0, 80)) ?? 0) + 1);
        await sleep(1);
      }
    };
    const running = Promise.all(Array.from({ length: 20 }, lane));
    const seen = () => ({ acknowledged: acknowledged.size, refused });
    await until('some load', () => acknowledged.size > 300, { seen });
    await kafka.kill(1);
    const atKill = acknowledged.size;
    await kafka.start(1);
    await until('load after the restart', () => acknowledged.size > atKill + 300, { timeoutMs: 40_000, seen });
    isStopping = true;
    await running;
    const places = await idsInLog(topic);
    const missing = [...acknowledged].filter(([id, place]) => places.get(id)?.includes(place) !== true);
    assert.deepEqual(missing, []);
  });
});

describe('secrets', () => {
  test('a missing file is named, and the calculator becomes ready when it appears', async () => {
    const { dir, environment } = await newPipeline();
    await rm(join(dir, 'password'));
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await until(
      'the reason',
      async () => (await daemon.get('/readyz')).text.includes('Secret orders-kafka, key password'),
      {
        seen: () => daemon.lines,
      },
    );
    const { status, answer } = await post(daemon, { requestId: randomUUID(), a: '1', b: '2' });
    assert.equal(status, 503);
    assert.match(
      String(answer['detail']),
      /Kafka password: Secret orders-kafka, key password is missing or empty\. Nothing was written/,
    );
    await writeFile(join(dir, 'password'), kafka.password);
    await untilReady(daemon);
  });

  test('a changed password is used without a restart and without a refused addition', async () => {
    const { dir, environment } = await newPipeline();
    const username = uniqueName('user');
    await kafka.addUser({ username, password: 'first' });
    await allow(kafka, username, { topic: [environment.SUMPIPELINE_KAFKA_TOPIC ?? '', 'WRITE', 'DESCRIBE'] });
    await writeFile(join(dir, 'username'), username);
    await writeFile(join(dir, 'password'), 'first');
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await untilReady(daemon);
    await kafka.addUser({ username, password: 'second' });
    await writeFile(join(dir, 'password'), 'second');
    const connected = () => daemon.lines.filter(({ message }) => message === 'connected to Kafka').length;
    while (connected() < 2) {
      const { status, answer } = await post(daemon, { requestId: randomUUID(), a: '1', b: '2' });
      assert.equal(status, 200, inspect(answer));
      await sleep(20);
    }
    const { status } = await post(daemon, { requestId: randomUUID(), a: '1', b: '2' });
    assert.equal(status, 200);
  });

  test('the end of the first certificate is a metric, and follows the CA file', async () => {
    const { dir, environment } = await newPipeline();
    await using daemon = await startDaemon({ name: 'calculator', environment });
    let text = '';
    const untilEnd = (pem: string) => {
      const end = new X509Certificate(pem).validToDate.getTime() / 1000;
      const line = `sumpipeline_certificate_expiry_timestamp_seconds{peer="kafka"} ${end}\n`;
      const isThere = async () => {
        ({ text } = await daemon.get('/metrics'));
        return text.includes(line);
      };
      return until(line, isThere, { seen: () => text.match(/.*certificate_expiry.*/g) });
    };
    await untilEnd(kafka.caPem);
    const { certPem } = await createCa('an old CA', { validDays: 20 });
    await writeFile(join(dir, 'ca.crt'), `${kafka.caPem}${certPem}`);
    await untilEnd(certPem);
    await writeFile(join(dir, 'ca.crt'), kafka.caPem);
    await untilEnd(kafka.caPem);
  });

  test('a topic that is missing is named, and found when it appears', async () => {
    const { settings, environment } = await newPipeline({ createTopic: false });
    await using daemon = await startDaemon({ name: 'calculator', environment });
    await until('the reason', async () => (await daemon.get('/readyz')).text.includes('does not exist'), {
      seen: () => daemon.lines,
    });
    await createLog(settings, 1);
    await untilReady(daemon);
  });
});

test('SIGTERM: unready at once, serving while it drains, then it finishes what is in flight and ends with 0', async () => {
  const { topic, environment } = await newPipeline();
  await using daemon = await startDaemon({
    name: 'calculator',
    environment: { ...environment, SUMPIPELINE_DRAIN_MS: '700' },
  });
  await untilReady(daemon);
  using client = new GrpcClient(daemon.grpc, Calculator);
  const acknowledged: string[] = [];
  daemon.signal('SIGTERM');
  await until('to be unready', async () => (await daemon.get('/readyz')).status === 503);
  for (let count = 0; count < 20; count++) {
    const requestId = randomUUID();
    const answer = await client.call('add', { requestId, a: '1', b: '2' });
    assert.ok(answer.ok, inspect(answer));
    acknowledged.push(requestId);
  }
  assert.equal(await daemon.exited, 0);
  const places = await idsInLog(topic);
  assert.deepEqual(
    acknowledged.filter((id) => !places.has(id)),
    [],
  );
  assert.deepEqual(
    daemon.noise.filter((line) => !/TimeoutNegativeWarning|was set to 1|trace-warnings/.test(line)),
    [],
  );
});
