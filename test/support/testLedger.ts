import pg from 'pg';
import { type AggregatorConfig, aggregatorEnvironment } from '#contract/config.ts';
import { parseAddition } from '#core/addition.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { silentLogger } from '#platform/log.ts';
import { openLedger, type PostgresLedger } from '#services/ledger/ledger.ts';
import type { BatchAddition, BatchOutcome, Ledger, LedgerBatch } from '#services/ledger/port.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedPostgres, sharedPostgres, uniqueName } from '#tools/testing/servers.ts';

/** The real PostgreSQL of this test run, with the files that a pod would have of it. */
export interface TestStore extends AsyncDisposable {
  readonly postgres: SharedPostgres;
  readonly folder: string;
  /** Settings of an aggregator with a schema of its own. */
  configFor(overrides?: Record<string, string>): AggregatorConfig;
  /** A ledger in a fresh schema, and a session of an administrator in it. */
  freshLedger(overrides?: Record<string, string>): Promise<FreshLedger>;
}

export interface FreshLedger extends AsyncDisposable {
  readonly config: AggregatorConfig;
  readonly ledger: PostgresLedger;
  readonly admin: pg.Client;
}

export async function startTestStore(): Promise<TestStore> {
  const postgres = await sharedPostgres();
  const temporary = await createTemporaryFolder({ uri: postgres.uri(), ca: postgres.caPem });
  const configFor = (overrides: Record<string, string> = {}) =>
    parseEnvironment(aggregatorEnvironment, {
      SUMPIPELINE_NAMESPACE: 'shop',
      SUMPIPELINE_NAME: 'orders',
      SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: 'unused:9092',
      SUMPIPELINE_KAFKA_TOPIC: 'shop.orders',
      SUMPIPELINE_KAFKA_GROUP: 'shop.orders',
      SUMPIPELINE_STORE_URI_FILE: temporary.file('uri'),
      SUMPIPELINE_STORE_CA_FILE: temporary.file('ca'),
      SUMPIPELINE_STORE_SCHEMA: uniqueName('shop.orders'),
      ...overrides,
    });
  return {
    postgres,
    folder: temporary.path,
    configFor,
    async freshLedger(overrides) {
      const config = configFor(overrides);
      const ledger = await openLedger(config, silentLogger);
      await ledger.migrate();
      await ledger.identify({ clusterId: 'cluster-1' });
      const admin = new pg.Client(postgres.clientConfig());
      await admin.connect();
      await admin.query(`SET search_path = ${pg.escapeIdentifier(config.SUMPIPELINE_STORE_SCHEMA)}`);
      return {
        config,
        ledger,
        admin,
        async [Symbol.asyncDispose]() {
          await admin.end();
          await ledger.close();
        },
      };
    },
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
}

export const appendedAt = new Date('2026-01-01T00:00:00Z');

export function idOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function addition(offset: number | bigint, id: number, a = '1', b = '2', series = 's'): BatchAddition {
  return { ...parseAddition({ requestId: idOf(id), series, a, b }), offset: BigInt(offset), appendedAt };
}

export function batchOf(
  ownerEpoch: bigint,
  additions: readonly BatchAddition[],
  more: Partial<Pick<LedgerBatch, 'partition' | 'firstOffset' | 'nextOffset' | 'parked' | 'anchor'>> = {},
): LedgerBatch {
  const firstOffset = more.firstOffset ?? additions[0]?.offset ?? 0n;
  const parked = more.parked ?? [];
  const nextOffset = more.nextOffset ?? firstOffset + BigInt(additions.length + parked.length);
  const anchor = more.anchor ?? { leaderEpoch: 0, hash: Buffer.alloc(32) };
  return { partition: more.partition ?? 0, ownerEpoch, firstOffset, nextOffset, additions, parked, anchor };
}

/** Claims the partition and applies the additions at its next offset. */
export async function claimAndApply(
  ledger: Pick<Ledger, 'claim' | 'applyBatch'>,
  partition: number,
  additions: readonly BatchAddition[],
): Promise<BatchOutcome> {
  const { ownerEpoch, nextOffset: firstOffset } = await ledger.claim(partition, `owner-${partition}`);
  return ledger.applyBatch(batchOf(ownerEpoch, additions, { partition, firstOffset }));
}
