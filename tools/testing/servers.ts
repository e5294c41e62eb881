import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { type Postgres, startPostgres } from '#lab/postgres/postgres.ts';
import { createTemporaryFolder, type TemporaryFolder } from './folder.ts';

/**
 * A server that the tests of one process share. A test that must stop or kill a server starts a separate server with
 * `startKafka` or `startPostgres`.
 */
export type SharedKafka = Omit<Kafka, 'kill' | 'start' | 'stopNode' | 'stop' | typeof Symbol.asyncDispose>;
export type SharedPostgres = Omit<Postgres, 'kill' | 'start' | 'restart' | 'stop' | typeof Symbol.asyncDispose>;

const folder = lazily(createTemporaryFolder);
const kafka = lazily(async () => startKafka({ dir: join((await folder.get()).path, 'kafka') }));
const postgres = lazily(async () => startPostgres({ dir: join((await folder.get()).path, 'postgres'), fsync: false }));

/** Returns the real Kafka of this test process. The first call starts it. It is stopped after the last test. */
export function sharedKafka(): Promise<SharedKafka> {
  return kafka.get();
}

/** Returns the real PostgreSQL of this test process. The first call starts it. It is stopped after the last test. */
export function sharedPostgres(): Promise<SharedPostgres> {
  return postgres.get();
}

/**
 * Makes a name that no other test uses, such as `prefix-1f0a9c3b`. It is valid for a topic, a group, a database and a
 * Kubernetes object.
 */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

// Registered at the top level, because a hook that is registered inside a test runs at the end of that test.
after(async () => {
  await Promise.all([kafka.release(), postgres.release()]);
  await folder.release();
});

function lazily<Value extends TemporaryFolder | Kafka | Postgres>(make: () => Promise<Value>) {
  let made: Promise<Value> | undefined;
  return {
    get(): Promise<Value> {
      made ??= make();
      return made;
    },
    async release(): Promise<void> {
      // A server that did not start has failed its tests already. It has nothing to release.
      const value = await made?.catch(() => undefined);
      await value?.[Symbol.asyncDispose]();
    },
  };
}
