import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Kafka } from 'kafkajs';
import type { Changes } from '#operator/api/testing/samples.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import {
  apply,
  createNamespace,
  draftIn,
  findConditions,
  type Said,
  secretsOf,
  untilReady,
  untilSays,
} from '#test/e2e/pipelines.ts';
import { createTopic, query } from '#test/e2e/servers.ts';

/** Tests mistakes of users, each in its own namespace: the exact text of the status, and the recovery. */
export function mistakes(fixture: () => Fixture): void {
  /** Makes a namespace and applies the sample pipeline to it. `values` replaces values of its Secrets by `name/key`. */
  async function start(
    namespace: string,
    options: { changes?: Changes; without?: readonly string[]; values?: Readonly<Record<string, string>> } = {},
  ) {
    const { system, access } = fixture();
    const draft = await draftIn(namespace, options.changes);
    const secrets = secretsOf(draft, access);
    await createNamespace(system, namespace);
    for (const secret of secrets) {
      const { name } = secret.metadata;
      if (options.without?.includes(name)) continue;
      const stringData = Object.fromEntries(
        Object.entries(secret.stringData).map(([key, value]) => [key, options.values?.[`${name}/${key}`] ?? value]),
      );
      await apply(system, { ...secret, stringData });
    }
    await apply(system, draft);
    return {
      /** Applies the Secret with the correct values. */
      correct: (name: string) => apply(system, ...secrets.filter(({ metadata }) => metadata.name === name)),
      /** Deletes the pipeline, without correcting the mistake. */
      remove: () => system.kubectl.run(['-n', namespace, 'delete', 'sump', 'orders', '--timeout=60s']),
    };
  }

  const isFalse = (reason: string, message: Said['message']): Said => ({ status: 'False', reason, message });
  const storeUri = (change: (uri: URL) => void) => {
    const uri = new URL(fixture().access.storeUri);
    change(uri);
    return uri.href;
  };

  describe('the status names a mistake until it is corrected:', { concurrency: 4 }, () => {
    test('Secrets that are missing', async () => {
      const { client } = fixture();
      const pipeline = await start('no-secrets', { without: ['orders-db', 'orders-kafka'] });
      const store = isFalse('SecretMissing', 'PostgreSQL URI: Secret orders-db, key uri is missing or empty');
      await untilSays(client, 'no-secrets', 'WorkloadsReady', store);
      await untilSays(client, 'no-secrets', 'Ready', store);
      await pipeline.correct('orders-db');
      const kafka = 'Kafka user name: Secret orders-kafka, key username is missing or empty';
      await untilSays(client, 'no-secrets', 'KafkaReady', isFalse('SecretMissing', kafka));
      await pipeline.correct('orders-kafka');
      await untilReady(client, 'no-secrets');
      await pipeline.remove();
    });

    test('a wrong password for Kafka', async () => {
      const { client } = fixture();
      const pipeline = await start('kafka-password', { values: { 'orders-kafka/password': 'guessed' } });
      const message =
        /^Kafka refused the user or its password: check Secret orders-kafka, key username and Secret orders-kafka, key password \(.*\)$/;
      await untilSays(client, 'kafka-password', 'KafkaReady', isFalse('AuthenticationFailed', message));
      await pipeline.correct('orders-kafka');
      await untilReady(client, 'kafka-password');
      await pipeline.remove();
    });

    test('a CA that did not sign the certificate of Kafka', async () => {
      const { client, access } = fixture();
      const pipeline = await start('kafka-ca', { values: { 'kafka-ca/ca.crt': access.storeCaPem } });
      const message = /^Kafka's certificate is not trusted by Secret kafka-ca, key ca\.crt \(.*\)$/;
      await untilSays(client, 'kafka-ca', 'KafkaReady', isFalse('TlsFailed', message));
      await pipeline.correct('kafka-ca');
      await untilReady(client, 'kafka-ca');
      await pipeline.remove();
    });

    test('a wrong password for PostgreSQL', async () => {
      const { client } = fixture();
      const uri = storeUri((url) => {
        url.password = 'guessed';
      });
      const pipeline = await start('db-password', { values: { 'orders-db/uri': uri } });
      const message =
        'PostgreSQL refused the user or password in Secret orders-db, key uri: password authentication failed for user "postgres"';
      await untilSays(client, 'db-password', 'WorkloadsReady', isFalse('AuthenticationFailed', message));
      await pipeline.correct('orders-db');
      await untilReady(client, 'db-password');
      await pipeline.remove();
    });

    test('a CA that did not sign the certificate of PostgreSQL', async () => {
      const { client, access } = fixture();
      const pipeline = await start('db-ca', { values: { 'postgres-ca/ca.crt': access.kafkaCaPem } });
      const message = "PostgreSQL's certificate is not signed by the CA (Secret postgres-ca, key ca.crt)";
      await untilSays(client, 'db-ca', 'WorkloadsReady', isFalse('CertificateRefused', message));
      await pipeline.correct('postgres-ca');
      await untilReady(client, 'db-ca');
      await pipeline.remove();
    });

    test('a database that does not exist', async () => {
      const { client, access } = fixture();
      const uri = storeUri((url) => {
        url.pathname = '/later';
      });
      const pipeline = await start('no-database', { values: { 'orders-db/uri': uri } });
      const message = 'database "later" does not exist: create it, or correct the URI in Secret orders-db, key uri';
      await untilSays(client, 'no-database', 'WorkloadsReady', isFalse('DatabaseMissing', message));
      await query(access, 'CREATE DATABASE later');
      await untilReady(client, 'no-database');
      await pipeline.remove();
    });

    test('a topic with management External that does not exist', async () => {
      const { client, access } = fixture();
      const topic = { name: 'theirs', management: 'External' };
      const pipeline = await start('no-topic', { changes: { 'kafka.topic': topic } });
      await untilSays(client, 'no-topic', 'KafkaReady', isFalse('TopicMissing', /^topic theirs does not exist/));
      await createTopic(access, 'theirs', 3);
      await untilReady(client, 'no-topic');
      await pipeline.remove();
    });

    test("a child's name that a foreign object has", async () => {
      const { system, client } = fixture();
      const run = (...args: string[]) => system.kubectl.run(['-n', 'name-taken', ...args]);
      await createNamespace(system, 'name-taken');
      await run('create', 'service', 'clusterip', 'orders-calculator', '--tcp=80:80');
      const before = await run('get', 'service', 'orders-calculator', '-o', 'yaml', '--show-managed-fields');
      const pipeline = await start('name-taken');
      const stalled: Said = {
        status: 'True',
        reason: 'NameConflict',
        message:
          'Service name-taken/orders-calculator exists and does not belong to SumPipeline name-taken/orders; it was left untouched. Delete or rename it, or create the SumPipeline under another name',
      };
      await untilSays(client, 'name-taken', 'Stalled', stalled);
      assert.equal(await run('get', 'service', 'orders-calculator', '-o', 'yaml', '--show-managed-fields'), before);
      await run('delete', 'service', 'orders-calculator');
      await untilReady(client, 'name-taken');
      await pipeline.remove();
    });

    test('the schema of another pipeline', async () => {
      const { system, client } = fixture();
      const message =
        'the schema holds the books of pipeline default/orders: delete this SumPipeline and create it again with another store.postgres.schema';
      const pipeline = await start('same-books', { changes: { 'store.postgres.schema': 'default.orders' } });
      await untilSays(client, 'same-books', 'Stalled', { status: 'True', reason: 'StoreInUse', message });
      await pipeline.remove();
      await untilReady(client, 'default');
      const verified = await system.sumctl(['verify', '-n', 'default']);
      assert.equal(verified.code, 0, verified.stdout);
    });

    test('a Kafka that cannot be reached: the pipeline can still be deleted', async () => {
      const { client } = fixture();
      const pipeline = await start('no-kafka', { changes: { 'kafka.bootstrapServers': ['10.188.1.1:1'] } });
      const message = /^Kafka at 10\.188\.1\.1:1 cannot be used \(.*\)$/;
      await untilSays(client, 'no-kafka', 'KafkaReady', isFalse('Unreachable', message));
      await pipeline.remove();
    });

    test('a PostgreSQL that cannot be reached: the pipeline can still be deleted', async () => {
      const { client } = fixture();
      const uri = storeUri((url) => {
        url.port = '1';
      });
      const pipeline = await start('no-db', { values: { 'orders-db/uri': uri } });
      const message = 'PostgreSQL of Secret orders-db, key uri cannot be reached: connect ECONNREFUSED 10.188.1.1:1';
      await untilSays(client, 'no-db', 'WorkloadsReady', isFalse('Unreachable', message));
      await pipeline.remove();
    });

    test('a record that is not an addition: it is kept, all other records are counted, and the total is not reported as exact', async () => {
      const { system, client, access } = fixture();
      const pipeline = await start('bad-record');
      await untilReady(client, 'bad-record');
      await produce(access.kafka, 'bad-record.orders', { partition: 1, key: 'not an id', value: 'not an addition' });
      const said = 'partition 1: 1 record could not be counted and is kept in table parked; see its reason column';
      await untilSays(client, 'bad-record', 'TotalExact', isFalse('RecordsParked', said));
      await untilReady(client, 'bad-record');
      const added = await system.sumctl(['add', '1', '2', '-n', 'bad-record']);
      assert.equal(added.code, 0, added.stderr);
      const verified = await system.sumctl(['verify', '-n', 'bad-record']);
      assert.equal(verified.code, 1);
      assert.match(verified.stdout, /^Exact: +no \(RecordsParked\)/);
      const exact = (await findConditions(client, 'bad-record')).find(({ type }) => type === 'TotalExact');
      assert.equal(exact?.status, 'False');
      await pipeline.remove();
    });
  });
}

async function produce(
  kafka: Fixture['access']['kafka'],
  topic: string,
  message: { partition: number; key: string; value: string },
): Promise<void> {
  const producer = new Kafka(kafka).producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: [message] });
  } finally {
    await producer.disconnect();
  }
}
