import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SharedKafka, SharedPostgres } from '#tools/testing/servers.ts';
import { until } from './condition.ts';
import { type Daemon, startDaemon } from './daemon.ts';

export interface ServicesOptions {
  /** Of the pipeline, its topic, group and schema. */
  readonly name: string;
  /** Where the secrets are written. */
  readonly folder: string;
  readonly kafka: Pick<SharedKafka, 'caPem' | 'username' | 'password' | 'bootstrapServers'>;
  readonly postgres: Pick<SharedPostgres, 'uri' | 'caPem'>;
}

/** The two services of one pipeline as processes, each of which can be killed and started again on new ports. */
export interface Services extends AsyncDisposable {
  readonly running: Readonly<Record<Daemon['name'], Daemon>>;
  url(program: Daemon['name'], path: string): string;
  killAndStart(program: Daemon['name']): Promise<void>;
}

/** Longer than any fault lasts on a busy machine. */
const readyWithinMs = 60_000;

export async function startServices(options: ServicesOptions): Promise<Services> {
  const environment = await writeEnvironment(options);
  const start = (program: Daemon['name']) =>
    startDaemon({ name: program, environment: { ...environment, SUMPIPELINE_POD_NAME: randomUUID() } });
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
    await until(`the ${program.name} to be ready`, isReady, { timeoutMs: readyWithinMs, seen: () => answer });
  }
  return {
    running,
    url: (program, path) => `${running[program].http}${path}`,
    async killAndStart(program) {
      await running[program][Symbol.asyncDispose]();
      running[program] = await start(program);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(running).map((program) => program.stop()));
    },
  };
}

async function writeEnvironment({ name, folder, kafka, postgres }: ServicesOptions): Promise<Record<string, string>> {
  const file = (base: string) => join(folder, base);
  const secrets = {
    ca: kafka.caPem,
    username: kafka.username,
    password: kafka.password,
    uri: postgres.uri(),
    storeCa: postgres.caPem,
  };
  await mkdir(folder, { recursive: true });
  for (const [base, text] of Object.entries(secrets)) await writeFile(file(base), text);
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
    SUMPIPELINE_TOPIC_ENSURE: 'true',
    SUMPIPELINE_TOPIC_PARTITIONS: '6',
    SUMPIPELINE_TOPIC_REPLICAS: '1',
    SUMPIPELINE_TOPIC_MIN_IN_SYNC_REPLICAS: '1',
  };
}
