import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import pg from 'pg';
import { z } from 'zod';
import { type FoundProcess, findProcesses } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import type { System } from './system.ts';

export type Server = 'Kafka' | 'PostgreSQL';

const folders = { Kafka: 'kafka', PostgreSQL: 'postgres' } as const;

/** Finds every process of a server. The first is the main process, which `npm start` restarts if it dies. */
async function processesOf(system: System, server: Server): Promise<number[]> {
  const found = await findProcesses(join(system.state, 'up', 'data', folders[server]));
  const pids = new Set(found.map(({ pid }) => pid));
  // A child that PostgreSQL has just forked still has the command line of its parent.
  const isMain = ({ commandLine, parentPid }: FoundProcess) =>
    /kafka\.Kafka|bin\/postgres -D/.test(commandLine) && !pids.has(parentPid);
  const main = found.filter(isMain);
  if (main.length !== 1) throw new Error(`expected one process of ${server}: ${JSON.stringify(found)}`);
  return [...main, ...found.filter((one) => !isMain(one))].map(({ pid }) => pid);
}

/** Kills a server with kill -9, and waits until `npm start` reports that the server is back. */
export async function killAndAwait(system: System, server: Server): Promise<void> {
  const heard = system.start.stderr().length;
  const [main] = await processesOf(system, server);
  if (main === undefined) throw new Error(`${server} does not run`);
  process.kill(main, 'SIGKILL');
  await system.start.untilSaid(`${server} is back.`, (stderr) => stderr.slice(heard).includes(`${server} is back.`));
}

/**
 * Stops a server so that it does not respond and does not end, like a hung machine. Disposing continues the server.
 */
export async function freeze(system: System, server: Server): Promise<Disposable> {
  const [main, ...old] = await processesOf(system, server);
  if (main === undefined) throw new Error(`${server} does not run`);
  // Stop the main process first, because it starts and ends the others.
  process.kill(main, 'SIGSTOP');
  const others = [...new Set([...old, ...(await processesOf(system, server))])].filter((pid) => pid !== main);
  for (const pid of others) signalIfThere(pid, 'SIGSTOP');
  return {
    [Symbol.dispose]() {
      for (const pid of [main, ...others]) signalIfThere(pid, 'SIGCONT');
    },
  };
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The access to Kafka and PostgreSQL, from the Secrets that `npm start` made for the pods. */
export interface Access {
  readonly kafka: KafkaConfig & { readonly brokers: string[] };
  readonly kafkaCaPem: string;
  readonly kafkaUser: { readonly username: string; readonly password: string };
  readonly storeUri: string;
  readonly storeCaPem: string;
}

const secretSchema = z.object({ data: z.record(z.string(), z.base64()) });

export async function readAccess(system: System): Promise<Access> {
  const read = async (name: string, key: string) => {
    const text = await system.kubectl.run(['-n', 'default', 'get', 'secret', name, '-o', 'json']);
    const value = secretSchema.parse(JSON.parse(text)).data[key];
    if (value === undefined) throw new Error(`Secret ${name} has no key ${key}`);
    return Buffer.from(value, 'base64').toString('utf8');
  };
  const kafkaCaPem = await read('kafka-ca', 'ca.crt');
  const storeCaPem = await read('postgres-ca', 'ca.crt');
  for (const pem of [kafkaCaPem, storeCaPem]) new X509Certificate(pem);
  const kafkaUser = {
    username: await read('orders-kafka', 'username'),
    password: await read('orders-kafka', 'password'),
  };
  return {
    kafkaCaPem,
    storeCaPem,
    kafkaUser,
    storeUri: await read('orders-db', 'uri'),
    kafka: {
      clientId: 'test',
      brokers: ['10.188.1.1:9092'],
      ssl: { ca: [kafkaCaPem] },
      sasl: { mechanism: 'scram-sha-512', ...kafkaUser },
      logLevel: logLevel.NOTHING,
    },
  };
}

/** Runs statements in PostgreSQL as its superuser. */
export async function query(access: Access, text: string, values: unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: access.storeUri, ssl: { ca: access.storeCaPem } });
  client.on('error', () => {}); // the query reports it
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

/** Makes a topic and waits until it can be used. */
export async function createTopic(access: Access, topic: string, partitions: number): Promise<void> {
  const admin = new Kafka(access.kafka).admin();
  await admin.connect();
  try {
    await admin.createTopics({
      waitForLeaders: false,
      topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }],
    });
    await waitFor({ what: `topic ${topic}`, timeoutMs: 15_000 }, async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length === partitions ? true : undefined;
    });
  } finally {
    await admin.disconnect();
  }
}
