import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startKafka } from '#lab/kafka/kafka.ts';
import { startPostgres } from '#lab/postgres/postgres.ts';
import { isPortFree } from '#lab/process/ports.ts';
import type { Progress } from '#lab/progress.ts';
import { pause } from '#platform/time.ts';
import { bothOrNeither } from './both.ts';
import type { Parts } from './sample.ts';

export interface PartsOptions {
  /** Folder for the data of Kafka and PostgreSQL. */
  readonly dir: string;
  /** The address that pods dial. */
  readonly host: string;
  /** Discards the data of an earlier run before the start. */
  readonly fresh: boolean;
  /** If false, writes are faster, but a power cut may lose the data. Use false only for throw-away data. */
  readonly durable: boolean;
  /** Number of Kafka nodes. Default 1, on the port in the sample pipeline. */
  readonly kafkaNodes?: 1 | 3;
  readonly progress: Progress;
  /** Aborts a start. */
  readonly signal: AbortSignal;
}

export interface RunningParts extends Parts, AsyncDisposable {
  /** Ends PostgreSQL with kill -9, as a fault would. PostgreSQL is then restarted. */
  killPostgres(): Promise<void>;
  /** Stops Kafka with SIGSTOP for this long: its connections stay open, but it does not respond. */
  freezeKafka(ms: number): Promise<void>;
}

/**
 * The ports in the sample pipeline. If a port is in use, another port is taken and written into the applied pipeline.
 */
const wantedPorts = { kafka: 9092, postgres: 5432 } as const;

/** Starts Kafka and PostgreSQL beside the cluster. A server that dies is restarted. */
export async function startParts(options: PartsOptions): Promise<RunningParts> {
  const { dir, host, fresh, durable, kafkaNodes = 1, progress, signal } = options;
  if (fresh) await rm(dir, { recursive: true, force: true });
  await using stack = new AsyncDisposableStack();
  const restart = { restartOnDeath: true, onDeath: progress.note } as const;
  const [kafkaFree, postgresFree] = await Promise.all([
    isPortFree(host, wantedPorts.kafka),
    isPortFree(host, wantedPorts.postgres),
  ]);
  // Let other users enter this folder, because PostgreSQL runs as another user. They still cannot enter the folder of
  // Kafka in it.
  await mkdir(dir, { recursive: true });
  await chmod(dir, 0o711);
  const [kafka, postgres] = await bothOrNeither(
    signal,
    async () =>
      stack.use(
        await startKafka({
          dir: join(dir, 'kafka'),
          host,
          nodes: kafkaNodes,
          ...(kafkaFree && kafkaNodes === 1 ? { ports: [wantedPorts.kafka] } : {}),
          restart,
          progress,
        }),
      ),
    async () =>
      stack.use(
        await startPostgres({
          dir: join(dir, 'postgres'),
          host,
          ...(postgresFree ? { port: wantedPorts.postgres } : {}),
          fsync: durable,
          restart,
          progress,
        }),
      ),
  );
  const owned = stack.move();
  return {
    bootstrapServers: kafka.bootstrapServers,
    kafkaCaPem: kafka.caPem,
    kafkaUsername: kafka.username,
    kafkaPassword: kafka.password,
    storeUri: postgres.uri(),
    storeCaPem: postgres.caPem,
    killPostgres: () => postgres.kill(),
    async freezeKafka(ms) {
      const pids = kafka.nodeIds.flatMap((id) => kafka.pid(id) ?? []);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      await pause(ms, signal);
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
