import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import kafkajs from 'kafkajs';
import { createCa } from '#lab/certificates/pki.ts';
import { silentLogger } from '#platform/log.ts';
import { createLog, plainClient, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedKafka, sharedKafka, uniqueName } from '#tools/testing/servers.ts';
import { LogUnavailableError, TopicConflictError, type WantedTopic } from './port.ts';
import type { KafkaSettings } from './settings.ts';
import { openLogTopic } from './topic.ts';

let kafka: SharedKafka;
let folder: TemporaryFolder;

before(async () => {
  folder = await createTemporaryFolder();
  kafka = await sharedKafka();
});
after(() => folder[Symbol.asyncDispose]());

const wanted: WantedTopic = {
  isCounted: false,
  partitions: 2,
  replicas: 1,
  minInSyncReplicas: 1,
  retentionMs: -1,
  config: {},
};

function secure(topic: string, user: { username?: string; password?: string } = {}): Promise<KafkaSettings> {
  return secureLogSettings({ kafka, topic, dir: join(folder.path, uniqueName('secrets')), ...user });
}

async function use<T>(
  settings: KafkaSettings,
  work: (topic: ReturnType<typeof openLogTopic>) => Promise<T>,
): Promise<T> {
  const topic = openLogTopic({ settings, logger: silentLogger });
  try {
    return await work(topic);
  } finally {
    await topic.close();
  }
}

describe('ensuring a topic', () => {
  test('creates it with the settings that durability needs, and changes nothing the next time', async () => {
    const settings = await secure(uniqueName('log'));
    await use(settings, async (topic) => {
      assert.deepEqual(await topic.ensure({ ...wanted, config: { 'segment.bytes': '1048576' } }), {
        created: true,
        changes: [],
      });
      assert.deepEqual(await topic.readSettings(), {
        partitions: 2,
        replicas: 1,
        minInSyncReplicas: 1,
        uncleanLeaderElection: false,
        cleanupPolicy: 'delete',
        timestampType: 'LogAppendTime',
        retentionMs: -1,
        retentionBytes: -1,
        compressionType: 'producer',
      });
      assert.deepEqual(await topic.ensure(wanted), { created: false, changes: [] });
    });
  });

  test('adds partitions and changes settings, and keeps the settings of other programs', async () => {
    const settings = await secure(uniqueName('log'));
    await use(settings, async (topic) => {
      await topic.ensure({ ...wanted, config: { 'segment.bytes': '1048576' } });
      const { changes } = await topic.ensure({ ...wanted, partitions: 5, retentionMs: 86_400_000 });
      assert.deepEqual(changes, ['partitions 2 -> 5', 'retention.ms -1 -> 86400000']);
      const found = await topic.readSettings();
      assert.deepEqual([found.partitions, found.retentionMs], [5, 86_400_000]);
      assert.equal((await topic.offsets()).size, 5);
    });
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: settings.topic }],
    });
    await admin.disconnect();
    const segment = resources[0]?.configEntries.find(({ configName }) => configName === 'segment.bytes');
    assert.equal(segment?.configValue, '1048576');
  });

  test('adds partitions once if several processes do so at the same time', async () => {
    const settings = await secure(uniqueName('log'));
    await createLog(settings, 2);
    const topics = Array.from({ length: 6 }, () => openLogTopic({ settings, logger: silentLogger }));
    try {
      await Promise.all(topics.map((topic) => topic.readSettings()));
      await Promise.all(topics.map((topic) => topic.ensure({ ...wanted, isCounted: true, partitions: 12 })));
      assert.equal((await topics[0]?.readSettings())?.partitions, 12);
    } finally {
      await Promise.all(topics.map((topic) => topic.close()));
    }
  });

  test('does not change a topic with uncounted records; accepts it if no change is needed', async () => {
    const name = uniqueName('theirs');
    const settings = await secure(name);
    await createLog(settings, 1);
    const producer = plainClient(kafka.plaintextBootstrapServers).producer();
    await producer.connect();
    await producer.send({ topic: name, messages: [{ value: 'theirs' }] });
    await producer.disconnect();
    await use(settings, async (topic) => {
      const before = await topic.readSettings();
      await assert.rejects(topic.ensure(wanted), (error) => {
        assert.ok(error instanceof TopicConflictError);
        assert.match(
          error.message,
          /holds records that this pipeline has not counted, .*partitions 1 -> 2.*was not changed/,
        );
        return true;
      });
      assert.deepEqual(await topic.readSettings(), before);
      const { changes } = await topic.ensure({ ...wanted, isCounted: true });
      assert.ok(changes.includes('partitions 1 -> 2'), String(changes));
      assert.deepEqual(await topic.ensure(wanted), { created: false, changes: [] });
    });
  });

  test('refuses a topic that compacts', async () => {
    const settings = await secure(uniqueName('log'));
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    await admin.createTopics({
      topics: [
        { topic: settings.topic, numPartitions: 1, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] },
      ],
    });
    await admin.disconnect();
    await use(settings, (topic) => assert.rejects(topic.ensure(wanted), TopicConflictError));
  });

  test('reports the message of Kafka if it cannot be created', async () => {
    const settings = await secure(uniqueName('log'));
    await use(settings, (topic) =>
      assert.rejects(topic.ensure({ ...wanted, replicas: 3 }), (error: unknown) => {
        assert.ok(error instanceof TopicConflictError);
        assert.match(error.message, /with 2 partitions, 3 replicas .*Replication-factor is invalid/);
        return true;
      }),
    );
  });
});

test('the cluster returns its id', async () => {
  await use(await secure('any'), async (topic) => assert.equal(await topic.clusterId(), kafka.clusterId));
});

test('a missing topic is reported, before it was created and after it was deleted', async () => {
  const settings = await secure(uniqueName('log'));
  await use(settings, async (topic) => {
    await assert.rejects(topic.readSettings(), { reason: 'TopicMissing' });
    await assert.rejects(topic.offsets(), { reason: 'TopicMissing' });
    await topic.ensure(wanted);
    await topic.readSettings();
    const admin = plainClient(kafka.plaintextBootstrapServers).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [settings.topic] });
    await admin.disconnect();
    await assert.rejects(topic.offsets(), { reason: 'TopicMissing' });
  });
});

describe('what Kafka refuses is explained', () => {
  async function reasonOf(settings: KafkaSettings): Promise<LogUnavailableError> {
    return use(settings, async (topic) => {
      try {
        await topic.readSettings();
      } catch (error) {
        assert.ok(error instanceof LogUnavailableError, String(error));
        return error;
      }
      throw new Error('it was not refused');
    });
  }

  test('a wrong password', async () => {
    const { reason, message } = await reasonOf(await secure('any', { password: 'wrong' }));
    assert.equal(reason, 'AuthenticationFailed');
    assert.match(message, /Secret orders-kafka, key username and Secret orders-kafka, key password/);
  });

  test('an unknown user', async () => {
    assert.equal((await reasonOf(await secure('any', { username: 'unknown' }))).reason, 'AuthenticationFailed');
  });

  test('a CA that did not sign the certificate', async () => {
    const settings = await secure('any');
    const otherCa = await createCa('Other');
    await writeFile(settings.tls?.ca?.path ?? '', otherCa.certPem);
    const { reason, message } = await reasonOf(settings);
    assert.equal(reason, 'TlsFailed');
    assert.match(message, /not trusted by Secret orders-kafka, key ca\.crt \(.*self-signed certificate/);
  });

  test('no CA', async () => {
    const { reason, message } = await reasonOf({ ...(await secure('any')), tls: { ca: undefined } });
    assert.equal(reason, 'TlsFailed');
    assert.match(message, /the CAs of the system \(no CA is configured\)/);
  });

  test('a CA file that is no certificate', async () => {
    const settings = await secure('any');
    await writeFile(settings.tls?.ca?.path ?? '', 'not a certificate');
    assert.equal((await reasonOf(settings)).reason, 'TlsFailed');
  });

  test('TLS to a plaintext listener', async () => {
    const settings = await secure('any');
    const { reason, message } = await reasonOf({
      ...settings,
      bootstrapServers: kafka.plaintextBootstrapServers.split(','),
    });
    assert.equal(reason, 'Unreachable');
    assert.match(message, /closed the connection before TLS was established: check that this is a TLS listener/);
  });

  test('plaintext to a TLS listener does not hang', async () => {
    const startedAt = performance.now();
    const { reason, message } = await reasonOf(plainLogSettings(kafka.bootstrapServers, 'any'));
    assert.equal(reason, 'Unreachable');
    assert.match(message, /closed the connection; check whether its listener requires TLS/);
    assert.ok(performance.now() - startedAt < 40_000);
  });

  test('another host name', async () => {
    const settings = await secure('any');
    const elsewhere = settings.bootstrapServers.map((server) => server.replace('127.0.0.1', '127.0.0.2'));
    const { reason, message } = await reasonOf({ ...settings, bootstrapServers: elsewhere });
    // Usually no broker listens on 127.0.0.2. If one does, its certificate does not have this address.
    assert.ok(reason === 'TlsFailed' || reason === 'Unreachable');
    assert.match(message, /127\.0\.0\.2/);
  });

  test('an address without a listener', async () => {
    const { reason, message } = await reasonOf(plainLogSettings('127.0.0.1:1', 'any'));
    assert.equal(reason, 'Unreachable');
    assert.match(message, /Kafka at 127\.0\.0\.1:1 cannot be used \(.*ECONNREFUSED/);
  });

  test('a user without rights', async () => {
    const topic = uniqueName('log');
    await createLog(plainLogSettings(kafka.plaintextBootstrapServers, topic), 1);
    const username = uniqueName('user');
    await kafka.addUser({ username, password: 'secret' });
    const { reason, message } = await reasonOf(await secure(topic, { username, password: 'secret' }));
    assert.equal(reason, 'NotAuthorized');
    assert.match(message, new RegExp(`lacks an ACL for topic ${topic}`));
  });

  test('a missing file', async () => {
    const settings = await secure('any');
    await writeFile(settings.scram?.password.path ?? '', '');
    const { reason, message } = await reasonOf(settings);
    assert.deepEqual(
      [reason, message],
      ['SecretMissing', 'Kafka password: Secret orders-kafka, key password is missing or empty'],
    );
  });
});

test('a new password is taken from the file at the next connection', async () => {
  const username = uniqueName('user');
  await kafka.addUser({ username, password: 'one' });
  const settings = await secure('any', { username, password: 'wrong' });
  await use(settings, async (topic) => {
    await assert.rejects(topic.clusterId(), { reason: 'AuthenticationFailed' });
    assert.equal(await readFile(settings.scram?.password.path ?? '', 'utf8'), 'wrong');
    await writeFile(settings.scram?.password.path ?? '', 'one\n');
    assert.equal(await topic.clusterId(), kafka.clusterId);
  });
});
