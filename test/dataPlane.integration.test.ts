import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { type Postgres, startPostgres } from '#lab/postgres/postgres.ts';
import { waitFor } from '#lab/process/wait.ts';
import { auditLog } from '#test/support/auditLog.ts';
import { until } from '#test/support/condition.ts';
import { type Daemon, startDaemon } from '#test/support/daemon.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { uniqueName } from '#tools/testing/servers.ts';
import { topicFileText } from '#tools/testing/topicFile.ts';

// These tests kill the servers, so they start their own.
let folder: TemporaryFolder;
let kafka: Kafka;
let postgres: Postgres;

before(async () => {
  folder = await createTemporaryFolder();
  [kafka, postgres] = await Promise.all([
    startKafka({ dir: join(folder.path, 'kafka') }),
    startPostgres({ dir: join(folder.path, 'postgres') }),
  ]);
  const secrets = {
    ca: kafka.caPem,
    username: kafka.username,
    password: kafka.password,
    uri: postgres.uri(),
    storeCa: postgres.caPem,
    'topic.json': topicFileText(6),
  };
  for (const [name, text] of Object.entries(secrets)) await writeFile(join(folder.path, name), text);
});

after(async () => {
  await Promise.all([kafka?.stop(), postgres?.stop()]);
  await folder?.[Symbol.asyncDispose]();
});

function environmentOf(name: string): Record<string, string> {
  const file = (base: string) => join(folder.path, base);
  return {
    SUMPIPELINE_NAMESPACE: 'shop',
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: name,
    SUMPIPELINE_KAFKA_GROUP: name,
    SUMPIPELINE_KAFKA_TLS: 'true',
    SUMPIPELINE_KAFKA_CA_FILE: file('ca'),
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
    SUMPIPELINE_KAFKA_USERNAME_FILE: file('username'),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: file('password'),
    SUMPIPELINE_STORE_URI_FILE: file('uri'),
    SUMPIPELINE_STORE_CA_FILE: file('storeCa'),
    SUMPIPELINE_STORE_SCHEMA: name,
    SUMPIPELINE_TOPIC_FILE: file('topic.json'),
  };
}

/** Maximum wait for one event, in milliseconds: longer than any fault of these tests lasts on a busy machine. */
const timeoutMs = 60_000;

/** Starts the two services of one pipeline. Each can be killed, and started again on new ports. */
async function startServices(name: string) {
  const start = (program: Daemon['name']) =>
    startDaemon({ name: program, environment: { ...environmentOf(name), SUMPIPELINE_POD_NAME: randomUUID() } });
  const running: Record<Daemon['name'], Daemon> = {
    aggregator: await start('aggregator'),
    calculator: await start('calculator'),
  };
  for (const program of Object.values(running)) {
    let answer = {};
    const isReady = async () => {
      const { status, text } = await program.get('/readyz');
      answer = { status, text };
      return status === 200;
    };
    await until(`the ${program.name} to be ready`, isReady, { timeoutMs, seen: () => answer });
  }
  return {
    url: (program: Daemon['name'], path: string) => `${running[program].http}${path}`,
    running,
    async killAndStart(program: Daemon['name']) {
      await running[program][Symbol.asyncDispose]();
      running[program] = await start(program);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(running).map((program) => program.stop()));
    },
  };
}

type Services = Awaited<ReturnType<typeof startServices>>;

interface Sent {
  readonly requestId: string;
  readonly series: string;
  readonly a: string;
  readonly b: string;
}

interface Receipt {
  readonly requestId: string;
  readonly position: { readonly partition: number; readonly offset: string };
  readonly result: string;
}

/** Sends an addition until it is acknowledged, always with the same id, as a correct client does. */
async function addUntilAcknowledged(services: Services, addition: Sent): Promise<Receipt> {
  return waitFor({ what: `the acknowledgement of ${addition.requestId}`, timeoutMs }, async () => {
    const response = await fetch(services.url('calculator', '/v1/additions'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(addition),
      signal: AbortSignal.timeout(5_000),
    });
    const body = await response.text();
    if (response.status === 409 || response.status === 422) assert.fail(body);
    if (!response.ok) throw new Error(`${response.status} ${body}`);
    return JSON.parse(body) as Receipt;
  });
}

interface Total {
  readonly total: { readonly series: string; readonly total: string; readonly count: string };
}

async function totalOf(services: Services, series: string, receipts: readonly Receipt[]): Promise<Total['total']> {
  const newest = new Map<number, bigint>();
  for (const { position } of receipts) {
    const offset = BigInt(position.offset);
    if (offset > (newest.get(position.partition) ?? -1n)) newest.set(position.partition, offset);
  }
  const vector = [...newest].map(([partition, offset]) => `${partition}:${offset}`).join(',');
  return waitFor({ what: `the total of ${series}`, timeoutMs }, async () => {
    const response = await fetch(services.url('aggregator', `/v1/totals/${series}?atLeast=${vector}`));
    if (!response.ok) throw new Error(await response.text());
    return ((await response.json()) as Total).total;
  });
}

describe('the data plane', () => {
  test('counts every acknowledged addition once, even if servers are killed and clients retry', async (t) => {
    const name = uniqueName('faults');
    await using services = await startServices(name);
    const additions: Sent[] = Array.from({ length: 3000 }, (_, index) => ({
      requestId: randomUUID(),
      series: `s${index % 3}`,
      a: `${index}.25`,
      b: index % 2 === 0 ? '-0.125' : '3',
    }));
    const receipts: Receipt[] = [];
    let sent = 0;
    const client = async () => {
      for (let index = sent++; index < additions.length; index = sent++) {
        const addition = additions[index];
        if (addition === undefined) return;
        receipts.push(await addUntilAcknowledged(services, addition));
        // Every tenth addition is sent again, as by a client that got no response, through any running calculator.
        if (index % 10 === 0) receipts.push(await addUntilAcknowledged(services, addition));
      }
    };
    const faults = async () => {
      const at = (share: number) =>
        until(`${share * 100} % to be sent`, () => sent >= additions.length * share, { timeoutMs, seen: () => sent });
      await at(0.1);
      await services.killAndStart('aggregator');
      await at(0.25);
      await services.killAndStart('calculator');
      await at(0.4);
      await postgres.kill();
      await postgres.start();
      await at(0.55);
      await kafka.kill(kafka.nodeIds[0] ?? 1);
      await kafka.start(kafka.nodeIds[0] ?? 1);
      await at(0.75);
      await Promise.all([services.killAndStart('aggregator'), services.killAndStart('calculator')]);
    };
    await Promise.all([...Array.from({ length: 16 }, client), faults()]);

    const expected = new Map<string, { units: bigint; count: number }>();
    for (const { series, a, b } of additions) {
      const entry = expected.get(series) ?? { units: 0n, count: 0 };
      // Add in thousandths, so that the arithmetic is independent of the code under test.
      const units = BigInt(Math.round(Number(a) * 1000)) + BigInt(Math.round(Number(b) * 1000));
      expected.set(series, { units: entry.units + units, count: entry.count + 1 });
    }
    for (const [series, { units, count }] of expected) {
      const total = await totalOf(services, series, receipts);
      assert.equal(BigInt(Math.round(Number(total.total) * 1000)), units, series);
      assert.equal(total.count, String(count), series);
    }
    const response = await fetch(services.url('aggregator', '/v1/proof?recount=true'));
    const proof = (await response.json()) as { exact: boolean; partitions: Record<string, string>[] };
    assert.equal(proof.exact, true, JSON.stringify(proof));
    const sum = (field: string) => proof.partitions.reduce((total, one) => total + Number(one[field]), 0);
    assert.deepEqual([sum('applied'), sum('conflict'), sum('parked')], [3000, 0, 0]);
    assert.equal(sum('nextOffset'), sum('logEnd'));
    t.diagnostic(`${sum('logEnd')} records: ${sum('applied')} applied, ${sum('duplicate')} duplicates absorbed`);

    // Every receipt names a position in the log. The record there must have exactly this id. Another client reads it.
    const log = await auditLog(kafka.plaintextBootstrapServers, name);
    const idOf = (record: { key: Buffer | null } | undefined) => record?.key?.toString('hex');
    for (const { requestId, position } of receipts) {
      const record = log.get(position.partition)?.[Number(position.offset)];
      assert.equal(idOf(record), requestId.replaceAll('-', ''), `at ${position.partition}:${position.offset}`);
    }
    const written = new Set([...log.values()].flat().map(idOf));
    assert.deepEqual(written, new Set(additions.map(({ requestId }) => requestId.replaceAll('-', ''))));
  });

  test('ends within seconds of SIGTERM with exit code 0', async () => {
    const services = await startServices(uniqueName('drain'));
    const { calculator, aggregator } = services.running;
    assert.deepEqual(await Promise.all([calculator.stop(), aggregator.stop()]), [0, 0]);
  });

  test('names the missing variables at once', async () => {
    await assert.rejects(startDaemon({ name: 'calculator', environment: {} }), /SUMPIPELINE_KAFKA_TOPIC/);
  });

  test('responds "retry" while Kafka is down, and accepts the same id when Kafka is back', async () => {
    const name = uniqueName('away');
    await using services = await startServices(name);
    const addition = { requestId: randomUUID(), series: 's', a: '1', b: '2' };
    await kafka.kill(kafka.nodeIds[0] ?? 1);
    const response = await fetch(services.url('calculator', '/v1/additions'), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'request-timeout': '1s' },
      body: JSON.stringify(addition),
    });
    const problem = (await response.json()) as { type: string; detail: string };
    assert.equal(response.status, 503);
    assert.match(problem.detail, /retry/);
    const ready = await services.running.calculator.get('/readyz');
    assert.equal(ready.status, 200, 'it stays ready; otherwise no client would get that response');
    await kafka.start(kafka.nodeIds[0] ?? 1);
    const receipt = await addUntilAcknowledged(services, addition);
    const total = await totalOf(services, 's', [receipt]);
    assert.deepEqual([total.total, total.count], ['3', '1']);
  });
});
