import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { allow } from '#test/support/acls.ts';
import { until } from '#test/support/condition.ts';
import { startDaemon } from '#test/support/daemon.ts';
import { createLog, plainLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import {
  type SharedKafka,
  type SharedPostgres,
  sharedKafka,
  sharedPostgres,
  uniqueName,
} from '#tools/testing/servers.ts';

/** Tests the ACLs that manifests/dev gives to a pipeline, on a real broker with Kafka's own authorizer. */

const operations = { Read: 'READ', Write: 'WRITE', DescribeConfigs: 'DESCRIBE_CONFIGS' } as const;
const userSchema = z.object({
  kind: z.literal('KafkaUser'),
  spec: z.object({
    authorization: z.object({
      acls: z.array(
        z.object({
          resource: z.object({ type: z.enum(['topic', 'group']), name: z.literal('shop.orders') }).loose(),
          operations: z.array(z.enum(['Read', 'Write', 'DescribeConfigs'])),
        }),
      ),
    }),
  }),
});

interface Right {
  readonly on: 'topic' | 'group';
  readonly operation: keyof typeof operations;
}

let folder: TemporaryFolder;
let kafka: SharedKafka;
let postgres: SharedPostgres;

before(async () => {
  folder = await createTemporaryFolder();
  [kafka, postgres] = await Promise.all([sharedKafka(), sharedPostgres()]);
});
after(() => folder?.[Symbol.asyncDispose]());

const text = await readFile(join(import.meta.dirname, '..', 'manifests', 'dev', 'kafka-user.yaml'), 'utf8');
const users = parseAllDocuments(text).flatMap((document) => userSchema.safeParse(document.toJS()).data ?? []);
const [user] = users;
assert(user !== undefined, 'manifests/dev/kafka-user.yaml has a KafkaUser');
const rights: readonly Right[] = user.spec.authorization.acls.flatMap(({ resource, operations: some }) =>
  some.map((operation) => ({ on: resource.type, operation })),
);

/** Starts calculator and aggregator of a new pipeline, as a Kafka user with only these permissions. */
async function startPipeline(granted: readonly Right[]) {
  const name = uniqueName('acls');
  const dir = join(folder.path, name);
  await mkdir(dir);
  await createLog(plainLogSettings(kafka.plaintextBootstrapServers, name), 2);
  await kafka.addUser({ username: name, password: 'secret' });
  const of = (on: Right['on']) =>
    granted.filter((right) => right.on === on).map(({ operation }) => operations[operation]);
  await allow(kafka, name, { topic: [name, ...of('topic')], group: [name, ...of('group')] });
  const secrets = { ca: kafka.caPem, username: name, password: 'secret', uri: postgres.uri(), storeCa: postgres.caPem };
  for (const [file, content] of Object.entries(secrets)) await writeFile(join(dir, file), content);
  const environment = {
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: name,
    SUMPIPELINE_KAFKA_GROUP: name,
    SUMPIPELINE_KAFKA_TLS: 'true',
    SUMPIPELINE_KAFKA_CA_FILE: join(dir, 'ca'),
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
    SUMPIPELINE_KAFKA_USERNAME_FILE: join(dir, 'username'),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: join(dir, 'password'),
  };
  const store = {
    SUMPIPELINE_STORE_URI_FILE: join(dir, 'uri'),
    SUMPIPELINE_STORE_CA_FILE: join(dir, 'storeCa'),
    SUMPIPELINE_STORE_SCHEMA: name,
  };
  await using stack = new AsyncDisposableStack();
  const calculator = stack.use(await startDaemon({ name: 'calculator', environment }));
  const aggregator = stack.use(await startDaemon({ name: 'aggregator', environment: { ...environment, ...store } }));
  const owned = stack.move();
  const seen = () => [...calculator.lines.slice(-8), ...aggregator.lines.slice(-8)];
  return {
    seen,
    /** Adds, waits until the addition is counted, and returns its result. */
    async add(): Promise<string> {
      const body = JSON.stringify({ requestId: randomUUID(), series: 's', a: '1', b: '2' });
      const added = await fetch(`${calculator.http}/v1/additions`, { method: 'POST', body });
      assert.equal(added.status, 200, await added.clone().text());
      const { position } = z
        .object({ position: z.object({ partition: z.number().default(0), offset: z.string() }) })
        .parse(await added.json());
      const counted = await fetch(`${aggregator.http}/v1/totals/s?atLeast=${position.partition}:${position.offset}`);
      assert.equal(counted.status, 200, await counted.clone().text());
      return z.object({ total: z.object({ total: z.string() }) }).parse(await counted.json()).total.total;
    },
    async isReady(): Promise<boolean> {
      const answers = await Promise.all([calculator.get('/readyz'), aggregator.get('/readyz')]);
      return answers.every(({ status }) => status === 200);
    },
    async knowsDurability(): Promise<boolean> {
      return /^sumpipeline_durability_weak /m.test((await aggregator.get('/metrics')).text);
    },
    isRefused: () =>
      [...calculator.lines, ...aggregator.lines].some((line) =>
        /lacks an ACL|AUTHORIZATION_FAILED|grant READ on the group/.test(JSON.stringify(line)),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const timeoutMs = 30_000;

describe('the ACLs of manifests/dev', { concurrency: 3 }, () => {
  test('are enough to add, to count and to judge the durability of the topic', async () => {
    await using pipeline = await startPipeline(rights);
    await until('both to be ready', () => pipeline.isReady(), { timeoutMs, seen: pipeline.seen });
    assert.equal(await pipeline.add(), '3');
    await until('durability to be known', () => pipeline.knowsDurability(), { timeoutMs, seen: pipeline.seen });
    assert.equal(pipeline.isRefused(), false, JSON.stringify(pipeline.seen()));
  });

  for (const missing of rights) {
    test(`are the least: without ${missing.operation} on the ${missing.on} the pipeline reports a missing permission`, async () => {
      await using pipeline = await startPipeline(rights.filter((right) => right !== missing));
      // Without Write the calculator fails at the first addition.
      const refused = async () => {
        await pipeline.add().catch(() => '');
        return pipeline.isRefused();
      };
      await until('a refusal', refused, { timeoutMs, seen: pipeline.seen });
    });
  }
});
