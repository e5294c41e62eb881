import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kafka, startKafka } from '#tools/kafka/kafka.ts';
import { type Postgres, startPostgres } from '#tools/postgres/postgres.ts';
import { isPortFree } from '#tools/process/ports.ts';
import type { Progress } from '#tools/progress.ts';
import type { Parts } from './sample.ts';

export interface PartsOptions {
  /** Holds the data of both. */
  readonly dir: string;
  /** The address that pods dial. */
  readonly host: string;
  /** Discard what an earlier run left, before the start. */
  readonly fresh: boolean;
  /** False for throw-away data: faster, and lost with the machine's power. */
  readonly durable: boolean;
  readonly progress: Progress;
}

export interface RunningParts extends Parts, AsyncDisposable {}

/** The ports that the sample names. When somebody has them, others are taken and the sample is changed. */
const wantedPorts = { kafka: 9092, postgres: 5432 } as const;

/** Starts Kafka and PostgreSQL beside the cluster; one that dies is started again. */
export async function startParts(options: PartsOptions): Promise<RunningParts> {
  const { dir, host, fresh, durable, progress } = options;
  if (fresh) await rm(dir, { recursive: true, force: true });
  await using stack = new AsyncDisposableStack();
  const restart = { restartOnDeath: true, onDeath: progress.note } as const;
  const [kafkaFree, postgresFree] = await Promise.all([
    isPortFree(host, wantedPorts.kafka),
    isPortFree(host, wantedPorts.postgres),
  ]);
  // Both at once; when one fails the other is stopped before the error goes on.
  const starting = await Promise.allSettled([
    startKafka({
      dir: join(dir, 'kafka'),
      host,
      ...(kafkaFree ? { ports: [wantedPorts.kafka] } : {}),
      restart,
      progress,
    }),
    startPostgres({
      dir: join(dir, 'postgres'),
      host,
      ...(postgresFree ? { port: wantedPorts.postgres } : {}),
      fsync: durable,
      restart,
      progress,
    }),
  ]);
  const [kafka, postgres] = starting.map((outcome) => {
    if (outcome.status === 'fulfilled') stack.use<Kafka | Postgres>(outcome.value);
    return outcome;
  }) as typeof starting;
  if (kafka.status === 'rejected') throw kafka.reason;
  if (postgres.status === 'rejected') throw postgres.reason;
  const owned = stack.move();
  return {
    bootstrapServers: kafka.value.bootstrapServers,
    kafkaCaPem: kafka.value.caPem,
    kafkaUsername: kafka.value.username,
    kafkaPassword: kafka.value.password,
    storeUri: postgres.value.uri(),
    storeCaPem: postgres.value.caPem,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
