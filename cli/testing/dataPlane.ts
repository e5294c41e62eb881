import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { sharedKafka, sharedPostgres, uniqueName } from '#tools/testing/servers.ts';
import { topicFileText } from '#tools/testing/topicFile.ts';

const entry = join(import.meta.dirname, '..', '..', 'sumpipeline.ts');
const address = '127.0.0.1';
const readyTimeoutMs = 60_000;

type Program = 'calculator' | 'aggregator';

/** A real calculator and a real aggregator as processes, over the shared Kafka and PostgreSQL. */
export interface DataPlane extends AsyncDisposable {
  readonly calculatorUrl: string;
  readonly calculatorGrpcUrl: string;
  readonly aggregatorUrl: string;
  /** The address of each program's metrics. */
  readonly adminUrl: Readonly<Record<Program, string>>;
  pidOf(program: Program): number;
  /** Ends the program with kill -9, without any clean-up. */
  kill(program: Program): Promise<void>;
  /** Starts the program again on its ports, and waits until it is ready. */
  start(program: Program): Promise<void>;
}

/** Starts both programs. `environment` is added to the environment of each program. */
export async function startDataPlane(environment: Readonly<Record<string, string>> = {}): Promise<DataPlane> {
  const [kafka, postgres] = await Promise.all([sharedKafka(), sharedPostgres()]);
  const folder = await createTemporaryFolder();
  const file = async (name: string, text: string) => {
    await writeFile(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const name = uniqueName('sumctl');
  const common = {
    SUMPIPELINE_NAMESPACE: 'test',
    SUMPIPELINE_NAME: name,
    SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
    SUMPIPELINE_KAFKA_TOPIC: name,
    SUMPIPELINE_KAFKA_GROUP: name,
    SUMPIPELINE_KAFKA_TLS: 'true',
    SUMPIPELINE_KAFKA_CA_FILE: await file('kafka-ca', kafka.caPem),
    SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
    SUMPIPELINE_KAFKA_USERNAME_FILE: await file('username', kafka.username),
    SUMPIPELINE_KAFKA_PASSWORD_FILE: await file('password', kafka.password),
    SUMPIPELINE_LISTEN_ADDRESS: address,
    SUMPIPELINE_DRAIN_MS: '0',
    SUMPIPELINE_LOG_LEVEL: 'error',
  };
  const store = {
    SUMPIPELINE_STORE_URI_FILE: await file('uri', postgres.uri()),
    SUMPIPELINE_STORE_CA_FILE: await file('store-ca', postgres.caPem),
    SUMPIPELINE_STORE_SCHEMA: name,
    SUMPIPELINE_TOPIC_FILE: await file('topic.json', topicFileText(3)),
  };
  const choosePorts = async () => ({
    http: await findFreePort(address),
    grpc: await findFreePort(address),
    admin: await findFreePort(address),
  });
  const ports = { calculator: await choosePorts(), aggregator: await choosePorts() };
  const running = new Map<Program, ChildProcess>();

  async function start(program: Program): Promise<void> {
    const { http, grpc, admin } = ports[program];
    const child = spawn(process.execPath, [entry, program], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        ...common,
        ...(program === 'aggregator' ? store : {}),
        SUMPIPELINE_HTTP_PORT: String(http),
        SUMPIPELINE_GRPC_PORT: String(grpc),
        SUMPIPELINE_ADMIN_PORT: String(admin),
        ...environment,
      },
    });
    running.set(program, child);
    await waitFor({ what: `the ${program} to be ready`, timeoutMs: readyTimeoutMs, intervalMs: 100 }, async () => {
      if (child.exitCode !== null) throw new Error(`the ${program} ended with exit code ${child.exitCode}`);
      const response = await fetch(`http://${address}:${admin}/readyz`);
      if (!response.ok) throw new Error(await response.text());
      return true;
    });
  }

  async function kill(program: Program): Promise<void> {
    const child = running.get(program);
    // Return if the process has ended already, because its `exit` event does not come again. A killed process has a
    // signal instead of an exit code.
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  // Start the aggregator first: it creates the topic that the calculator needs.
  await start('aggregator');
  await start('calculator');
  return {
    calculatorUrl: `http://${address}:${ports.calculator.http}`,
    calculatorGrpcUrl: `grpc://${address}:${ports.calculator.grpc}`,
    aggregatorUrl: `http://${address}:${ports.aggregator.http}`,
    adminUrl: {
      calculator: `http://${address}:${ports.calculator.admin}`,
      aggregator: `http://${address}:${ports.aggregator.admin}`,
    },
    pidOf: (program) => running.get(program)?.pid ?? 0,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await Promise.all([kill('calculator'), kill('aggregator')]);
      await folder[Symbol.asyncDispose]();
    },
  };
}
