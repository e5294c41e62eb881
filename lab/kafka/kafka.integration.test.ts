import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import kafkajs, { type Admin, Kafka as Client, type KafkaConfig, logLevel } from 'kafkajs';
import { findFreePort } from '#lab/process/ports.ts';
import { findProcesses } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { type Kafka, startKafka } from './kafka.ts';

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

function clientOf(config: KafkaConfig): Client {
  return new Client({
    retry: { retries: 8, initialRetryTime: 50, maxRetryTime: 1_000 },
    logLevel: logLevel.NOTHING,
    ...config,
  });
}

async function withAdmin<Result>(config: KafkaConfig, use: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = clientOf(config).admin();
  try {
    await admin.connect();
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

async function createTopic(config: KafkaConfig, replicationFactor = 1): Promise<string> {
  const topic = uniqueName('topic');
  await withAdmin(config, (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor }] }));
  return topic;
}

async function produce(config: KafkaConfig, topic: string, value: string): Promise<void> {
  const producer = clientOf(config).producer({ allowAutoTopicCreation: false });
  try {
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: [{ value }] });
  } finally {
    await producer.disconnect();
  }
}

/** Reads the offsets of partition 0 as `low..high`. */
async function readRange(config: KafkaConfig, topic: string): Promise<string> {
  const [offsets] = await withAdmin(config, (admin) => admin.fetchTopicOffsets(topic));
  return `${offsets?.low}..${offsets?.high}`;
}

test('a client with the CA and the password reaches one broker and the cluster id', async () => {
  const cluster = await withAdmin(kafka.clientConfig(), (admin) => admin.describeCluster());
  assert.equal(cluster.clusterId, kafka.clusterId);
  assert.deepEqual(
    cluster.brokers.map(({ host, port }) => `${host}:${port}`),
    [kafka.bootstrapServers],
  );
});

test('an audit reaches the same cluster on loopback without a password', async () => {
  const cluster = await withAdmin({ brokers: [kafka.plaintextBootstrapServers] }, (admin) => admin.describeCluster());
  assert.equal(cluster.clusterId, kafka.clusterId);
});

test('a wrong password is an authentication error', async () => {
  const { username } = kafka;
  const sasl = { mechanism: 'scram-sha-512' as const, username, password: 'wrong' };
  await assert.rejects(
    withAdmin({ ...kafka.clientConfig(), sasl }, (admin) => admin.listTopics()),
    {
      name: 'KafkaJSSASLAuthenticationError',
      message: /invalid credentials/,
    },
  );
});

test('a client without the CA does not trust the broker', async () => {
  const config = { ...kafka.clientConfig(), ssl: true, retry: { retries: 0 } };
  await assert.rejects(
    withAdmin(config, (admin) => admin.listTopics()),
    /self-signed certificate in certificate chain/,
  );
});

test('a user without an ACL may not write, and may once it has one', async () => {
  const [username, password] = [uniqueName('user'), 'secret, with=signs'];
  await kafka.addUser({ username, password });
  const topic = await createTopic(kafka.clientConfig());
  const config: KafkaConfig = {
    ...kafka.clientConfig(),
    sasl: { mechanism: 'scram-sha-512', username, password },
    retry: { retries: 1, initialRetryTime: 50 },
  };
  await assert.rejects(produce(config, topic, 'refused'), /Not authorized/i);
  await withAdmin(kafka.clientConfig(), (admin) =>
    admin.createAcls({
      acl: [
        {
          resourceType: kafkajs.AclResourceTypes.TOPIC,
          resourceName: topic,
          resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
          principal: `User:${username}`,
          host: '*',
          operation: kafkajs.AclOperationTypes.WRITE,
          permissionType: kafkajs.AclPermissionTypes.ALLOW,
        },
      ],
    }),
  );
  await waitFor({ what: 'the ACL to reach the broker', timeoutMs: 10_000 }, async () => {
    await produce(config, topic, 'accepted');
    return true;
  });
});

test('no topic is created automatically', async () => {
  const topic = uniqueName('absent');
  await assert.rejects(produce({ ...kafka.clientConfig(), retry: { retries: 1 } }, topic, 'x'));
  assert.ok(!(await withAdmin(kafka.clientConfig(), (admin) => admin.listTopics())).includes(topic));
});

test('acknowledged records exist after kill -9 and a start', async () => {
  const topic = await createTopic(kafka.clientConfig());
  await produce(kafka.clientConfig(), topic, 'kept');
  await kafka.kill(1);
  assert.equal(kafka.pid(1), undefined);
  await kafka.start(1);
  assert.equal(await readRange(kafka.clientConfig(), topic), '0..1');
});

test('another launcher on the kept folder starts the same cluster, even at another port', async () => {
  await using own = await createTemporaryFolder();
  const dir = join(own.path, 'kafka');
  await using first = await startKafka({ dir });
  const topic = await createTopic(first.clientConfig());
  await produce(first.clientConfig(), topic, 'kept');
  await first.stop();
  await using second = await startKafka({ dir });
  assert.deepEqual(second.clientConfig(), first.clientConfig());
  assert.equal(await readRange(second.clientConfig(), topic), '0..1');
  await second.stop();
  const port = await findFreePort('127.0.0.1');
  await using third = await startKafka({ dir, ports: [port] });
  assert.equal(third.bootstrapServers, `127.0.0.1:${port}`);
  assert.equal(third.clusterId, first.clusterId);
  assert.equal(await readRange(third.clientConfig(), topic), '0..1');
});

test('an interrupted format is repeated', async () => {
  await using own = await createTemporaryFolder();
  const dir = join(own.path, 'kafka');
  await using first = await startKafka({ dir });
  await first.stop();
  // The state file is written last, so an interrupted format leaves this state.
  await rm(join(dir, 'state.json'));
  await using second = await startKafka({ dir });
  assert.notEqual(second.clusterId, first.clusterId);
});

test('two launchers on one folder: the second fails and the first goes on', async () => {
  await assert.rejects(startKafka({ dir: join(folder.path, 'kafka') }), /Kafka already runs on .* as process \d+/);
  await withAdmin(kafka.clientConfig(), (admin) => admin.listTopics());
});

test('a port that is in use is an error that contains the broker log', async () => {
  await using own = await createTemporaryFolder();
  const port = Number(kafka.bootstrapServers.split(':')[1]);
  await assert.rejects(
    startKafka({ dir: join(own.path, 'kafka'), ports: [port] }),
    /Kafka did not start \(exit code 1\)[\s\S]*(Address already in use|Failed to bind)/,
  );
});

test('three brokers keep an acknowledged record while one of them is killed, and the killed broker joins again', async () => {
  await using own = await createTemporaryFolder();
  await using three = await startKafka({ dir: join(own.path, 'kafka'), nodes: 3 });
  const topic = await createTopic(three.clientConfig(), 3);
  await produce(three.clientConfig(), topic, 'before');
  await three.kill(2);
  await waitFor({ what: 'a write with two of three brokers', timeoutMs: 30_000 }, async () => {
    await produce(three.clientConfig(), topic, 'during');
    return true;
  });
  await three.start(2);
  await waitFor({ what: 'three replicas in sync', timeoutMs: 30_000 }, async () => {
    const { topics } = await withAdmin(three.clientConfig(), (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    return topics[0]?.partitions[0]?.isr.length === 3 ? true : undefined;
  });
  assert.equal(await readRange(three.clientConfig(), topic), '0..2');
  await three.stop();
  assert.deepEqual(await findProcesses(own.path), []);
});

test('with a restart policy a killed broker restarts by itself and reports it', async () => {
  await using own = await createTemporaryFolder();
  const messages: string[] = [];
  await using supervised = await startKafka({
    dir: join(own.path, 'kafka'),
    restart: { restartOnDeath: true, onDeath: (message) => void messages.push(message) },
  });
  await supervised.kill(1);
  await waitFor({ what: 'the message that Kafka is back', timeoutMs: 60_000 }, async () =>
    messages.includes('Kafka is back.') ? true : undefined,
  );
  assert.match(messages[0] ?? '', /^Kafka died \(signal SIGKILL\); restarting it\./);
  await withAdmin(supervised.clientConfig(), (admin) => admin.listTopics());
});

test('stop leaves no process behind', async () => {
  await using own = await createTemporaryFolder();
  const one = await startKafka({ dir: join(own.path, 'kafka') });
  assert.notDeepEqual(await findProcesses(own.path), []);
  await one.stop();
  assert.deepEqual(await findProcesses(own.path), []);
});
