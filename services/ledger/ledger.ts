import type { Attributes } from '@opentelemetry/api';
import pg from 'pg';
import type { AggregatorConfig } from '#contract/config.ts';
import type { Position } from '#core/vector.ts';
import type { Logger } from '#platform/log.ts';
import { inClientSpan } from '#platform/tracing/spans.ts';
import { createPool, storeSources, transactionTimeoutMs } from './connect.ts';
import { toLedgerError } from './errors.ts';
import { migrate, type Query, type Transaction } from './migrate.ts';
import {
  type Anchor,
  type BatchOutcome,
  type BooksPlace,
  type Claim,
  type CountedAddition,
  FencedError,
  type Ledger,
  type LedgerBatch,
  type LedgerHalt,
  type LedgerIdentity,
  type OwnedBooks,
  type PartitionHalt,
  type PlaceRecount,
  type RecountRequest,
  type RecountResult,
  type SeriesTotal,
  StoreUnavailableError,
} from './port.ts';
import { type PatientTransaction, readPlaces, recountPlace } from './recount.ts';

/** Returns a ledger with a pool of connections. Does not check the schema: call `migrate` and `identify` for that. */
export async function openLedger(config: AggregatorConfig, logger: Logger): Promise<PostgresLedger> {
  return new PostgresLedger(config, await createPool(config, logger));
}

/**
 * Maximum wait for the result of a statement. A hung server or a broken network sends no response at all, and TCP would
 * wait for 15 minutes. Longer than the server's transaction timeout, so that the server's error arrives first.
 */
const answerTimeoutMs = transactionTimeoutMs + 5_000;

interface VectorRow {
  readonly log_epoch: number;
  readonly partition: number;
  readonly offset: string;
}

/** The ledger in PostgreSQL (17 or newer). It has a pool of connections, which `close` ends. */
export class PostgresLedger implements Ledger {
  readonly #config: AggregatorConfig;
  readonly #pool: pg.Pool;
  readonly #schema: string;
  readonly #timeoutMs: number;
  /** Connections that are running a statement without a timeout. */
  readonly #patient = new Set<pg.PoolClient>();
  #isClosed = false;
  #identity: LedgerIdentity | undefined;

  /** `timeoutMs` limits the wait for the result of one statement. Recounts and migrations have no limit. */
  constructor(config: AggregatorConfig, pool: pg.Pool, timeoutMs = answerTimeoutMs) {
    this.#config = config;
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
    this.#schema = pg.escapeIdentifier(config.SUMPIPELINE_STORE_SCHEMA);
  }

  async migrate(): Promise<void> {
    await this.#transaction('BEGIN ISOLATION LEVEL READ COMMITTED', (transaction) =>
      migrate(transaction, this.#config.SUMPIPELINE_STORE_SCHEMA),
    );
  }

  async requireOwner(): Promise<void> {
    const { SUMPIPELINE_NAMESPACE: namespace, SUMPIPELINE_NAME: name } = this.#config;
    await this.#query(`SELECT ${this.#schema}.check_owner_v1($1, $2)`, [namespace, name]);
  }

  async readLog(): Promise<LedgerIdentity | undefined> {
    const [row] = await this.#query<{ cluster_id: string; topic_id: string | null }>(
      `SELECT cluster_id, topic_id FROM ${this.#schema}.logs WHERE log_epoch = $1`,
      [this.#config.SUMPIPELINE_LOG_EPOCH],
    );
    return row === undefined ? undefined : { clusterId: row.cluster_id, topicId: row.topic_id ?? undefined };
  }

  async identify(identity: LedgerIdentity): Promise<void> {
    this.#identity = identity;
    const parameters = this.#identityParameters();
    const [namespace, name, clusterId, groupId, logEpoch, topic] = parameters;
    // Use one transaction: if two pipelines start with the same empty schema, only one of them gets it.
    await this.#transaction('BEGIN', async ({ query }) => {
      await query(
        `INSERT INTO ${this.#schema}.pipeline (namespace, name, cluster_id, group_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
        [namespace, name, clusterId, groupId],
      );
      await query(`SELECT ${this.#schema}.check_owner_v1($1, $2)`, [namespace, name]);
      // Only the first log is added automatically. An administrator must add a later log.
      await query(
        `INSERT INTO ${this.#schema}.logs (log_epoch, cluster_id, topic)
         SELECT $1::integer, $2, $3 WHERE $1 = 1 AND NOT EXISTS (SELECT 1 FROM ${this.#schema}.logs) ON CONFLICT DO NOTHING`,
        [logEpoch, clusterId, topic],
      );
      await query(`SELECT ${this.#schema}.check_identity_v1($1, $2, $3, $4, $5, $6)`, parameters);
      const { topicId } = identity;
      if (topicId !== undefined) await query(`SELECT ${this.#schema}.check_topic_id_v1($1, $2)`, [logEpoch, topicId]);
    });
  }

  async claim(partition: number, owner: string): Promise<Claim> {
    const rows = await this.#query<{ owner_epoch: string; first_offset: string; next_offset: string }>(
      `SELECT * FROM ${this.#schema}.claim_partition_v1($1, $2, $3, $4, $5, $6, $7, $8)`,
      [...this.#identityParameters(), partition, owner],
    );
    const row = only(rows);
    // Read halt and anchor in a second query. Another owner may claim between the two queries: compare owner epochs.
    const kept = only(
      await this.#query<HaltRow & AnchorRow>(
        `SELECT owner_epoch, halt_reason, halt_message, halt_stays, anchor_leader_epoch, anchor_hash,
           anchor_offset = next_offset - 1 AS is_anchored
         FROM ${this.#schema}.partitions WHERE log_epoch = $1 AND partition = $2`,
        [this.#config.SUMPIPELINE_LOG_EPOCH, partition],
      ),
    );
    if (kept.owner_epoch !== row.owner_epoch) {
      throw new FencedError(`partition ${partition} was claimed by another owner at the same moment`);
    }
    return {
      ownerEpoch: BigInt(row.owner_epoch),
      firstOffset: BigInt(row.first_offset),
      nextOffset: BigInt(row.next_offset),
      anchor: toAnchor(kept),
      halt: kept.halt_stays ? toHalt(kept) : undefined,
    };
  }

  async halt({ partition, ownerEpoch, reason, message, stays }: LedgerHalt): Promise<void> {
    await this.#query(`SELECT ${this.#schema}.halt_partition_v1($1, $2, $3, $4, $5, $6)`, [
      this.#config.SUMPIPELINE_LOG_EPOCH,
      partition,
      ownerEpoch,
      reason,
      storable(message),
      stays,
    ]);
  }

  async applyBatch(batch: LedgerBatch): Promise<BatchOutcome> {
    const { additions, parked } = batch;
    const rows = await this.#query<Record<keyof BatchOutcome, string>>({
      name: 'apply_batch_v2',
      text: `SELECT * FROM ${this.#schema}.apply_batch_v2(
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
      values: [
        this.#config.SUMPIPELINE_LOG_EPOCH,
        batch.partition,
        batch.ownerEpoch,
        batch.firstOffset,
        batch.nextOffset,
        additions.map(({ offset }) => offset),
        additions.map(({ requestId }) => requestId),
        additions.map(({ series }) => series),
        additions.map(({ a }) => a),
        additions.map(({ b }) => b),
        additions.map(({ result }) => result),
        additions.map(({ appendedAt }) => appendedAt),
        parked.map(({ offset }) => offset),
        parked.map(({ key }) => bytea(key)),
        parked.map(({ value }) => bytea(value)),
        parked.map(({ schema }) => schema ?? null),
        parked.map(({ reason }) => reason),
        parked.map(({ appendedAt }) => appendedAt),
        batch.anchor.leaderEpoch ?? null,
        bytea(batch.anchor.hash),
      ],
    });
    const row = only(rows);
    return {
      applied: Number(row.applied),
      duplicate: Number(row.duplicate),
      conflict: Number(row.conflict),
      parked: Number(row.parked),
    };
  }

  async readTotal(series: string): Promise<SeriesTotal | undefined> {
    // Use one statement, which has one snapshot: the total counts exactly the records up to the vector.
    const rows = await this.#query<TotalRow>(
      `SELECT $1::text AS series, trim_scale(sum(total))::text AS total, sum(count)::text AS count,
         ${this.#vectorSql()} AS vector, ${this.#newestSql()} AS newest_applied
       FROM ${this.#schema}.totals WHERE series = $1 HAVING count(*) > 0`,
      [series],
    );
    return rows[0] === undefined ? undefined : toSeriesTotal(rows[0]);
  }

  async listTotals(page: { after: string; limit: number }): Promise<SeriesTotal[]> {
    const rows = await this.#query<TotalRow>(
      `SELECT series, trim_scale(sum(total))::text AS total, sum(count)::text AS count,
         ${this.#vectorSql()} AS vector, ${this.#newestSql()} AS newest_applied
       FROM ${this.#schema}.totals WHERE series > $1 GROUP BY series ORDER BY series LIMIT $2`,
      [page.after, page.limit],
    );
    return rows.map(toSeriesTotal);
  }

  async readVector(): Promise<Position[]> {
    const rows = await this.#query<{ vector: VectorRow[] | null }>(`SELECT ${this.#vectorSql()} AS vector`);
    return toVector(only(rows).vector);
  }

  async readAddition(requestId: string): Promise<CountedAddition | undefined> {
    const rows = await this.#query<PositionRow & { result: string; appended_at: Date }>(
      `SELECT series, trim_scale(a)::text AS a, trim_scale(b)::text AS b, trim_scale(value)::text AS result,
         log_epoch, partition, "offset", appended_at
       FROM ${this.#schema}.ledger WHERE request_id = $1`,
      [requestId],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const conflicts = await this.#query<PositionRow & { reason: string }>(
      `SELECT series, trim_scale(a)::text AS a, trim_scale(b)::text AS b, log_epoch, partition, "offset", reason
       FROM ${this.#schema}.conflicts WHERE request_id = $1 ORDER BY log_epoch, partition, "offset" LIMIT 100`,
      [requestId],
    );
    const { series, a, b, result } = row;
    return {
      addition: { requestId, series, a, b, result, position: toPosition(row), appendedAt: row.appended_at },
      conflicts: conflicts.map((conflict) => ({
        series: conflict.series,
        a: conflict.a,
        b: conflict.b,
        position: toPosition(conflict),
        reason: conflict.reason,
      })),
    };
  }

  async readBooks(): Promise<OwnedBooks[]> {
    const rows = await this.#query<BooksRow>(`SELECT * FROM ${this.#schema}.partitions ORDER BY log_epoch, partition`);
    return rows.map(toBooks);
  }

  async recount(request: RecountRequest = {}): Promise<RecountResult> {
    const found: PlaceRecount[] = [];
    for (const place of await readPlaces(this.#patiently, this.#schema)) {
      found.push(await this.recountPlace(place, request));
    }
    return {
      additions: found.reduce((sum, { additions }) => sum + additions, 0n),
      differences: found.flatMap(({ differences }) => differences),
    };
  }

  recountPlace(place: BooksPlace, request: RecountRequest = {}): Promise<PlaceRecount> {
    return recountPlace(this.#patiently, this.#schema, place, request);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // End a running recount: it would block the shutdown. Its caller gets the error.
    for (const client of this.#patient) void client.end();
    await this.#pool.end();
  }

  /** Returns the SQL for the last counted position of each partition of the current log, as JSON. */
  #vectorSql(): string {
    return `(SELECT json_agg(json_build_object('log_epoch', p.log_epoch, 'partition', p.partition, 'offset', (p.next_offset - 1)::text)
       ORDER BY p.partition) FROM ${this.#schema}.partitions p
       WHERE p.next_offset > p.first_offset AND p.log_epoch = ${this.#config.SUMPIPELINE_LOG_EPOCH})`;
  }

  #newestSql(): string {
    return `(SELECT max(p.newest_applied) FROM ${this.#schema}.partitions p)`;
  }

  #identityParameters(): [string, string, string, string, number, string] {
    if (this.#identity === undefined) throw new Error('identify({ clusterId }) must be called first');
    const config = this.#config;
    return [
      config.SUMPIPELINE_NAMESPACE,
      config.SUMPIPELINE_NAME,
      this.#identity.clusterId,
      config.SUMPIPELINE_KAFKA_GROUP,
      config.SUMPIPELINE_LOG_EPOCH,
      config.SUMPIPELINE_KAFKA_TOPIC,
    ];
  }

  async #query<Row extends pg.QueryResultRow>(query: string | pg.QueryConfig, values?: unknown[]): Promise<Row[]> {
    const config = typeof query === 'string' ? { text: query, ...(values && { values }) } : query;
    const operation = config.name ?? config.text.trimStart().split(/\s/, 1)[0] ?? '';
    return this.#guard(() =>
      inClientSpan(
        `${operation} ${this.#config.SUMPIPELINE_STORE_SCHEMA}`,
        this.#spanAttributes(operation),
        async () => (await this.#pool.query<Row>(this.#bounded(config))).rows,
      ),
    );
  }

  #spanAttributes(operation: string): Attributes {
    return {
      'db.system.name': 'postgresql',
      'db.namespace': this.#config.SUMPIPELINE_STORE_SCHEMA,
      'db.operation.name': operation,
    };
  }

  /** Adds a timeout to a query. pg supports this setting, but its types do not declare it. */
  #bounded(config: pg.QueryConfig): pg.QueryConfig & { query_timeout: number } {
    return { ...config, query_timeout: this.#timeoutMs };
  }

  /**
   * Runs statements of a recount without a time limit. With the limit of batches, a recount from a cold disk would fail
   * at every start, and nothing would be verified.
   */
  readonly #patiently: PatientTransaction = (work) =>
    this.#transaction('BEGIN ISOLATION LEVEL READ COMMITTED', async ({ query, queryPatiently }) => {
      await query('SET LOCAL transaction_timeout = 0');
      return work(queryPatiently);
    });

  async #transaction<T>(begin: string, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#guard(async () => {
      const client = await this.#pool.connect();
      const query: Query = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
        (await client.query<Row>(this.#bounded({ text, values }))).rows;
      const queryPatiently: Query = async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => {
        // Refuse to begin after `close`: `close` ends only the statements that were running at that time.
        if (this.#isClosed) throw new StoreUnavailableError('Closed', 'the connection to PostgreSQL is closed');
        this.#patient.add(client);
        try {
          return (await client.query<Row>(text, values)).rows;
        } finally {
          this.#patient.delete(client);
        }
      };
      let isClean = false;
      try {
        await query(begin);
        const result = await work({ query, queryPatiently });
        await query('COMMIT');
        isClean = true;
        return result;
      } finally {
        // If the transaction was not committed, close the connection: then the server rolls the transaction back.
        client.release(!isClean);
      }
    });
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw toLedgerError(error, storeSources(this.#config));
    }
  }
}

interface TotalRow {
  readonly series: string;
  readonly total: string;
  readonly count: string;
  readonly vector: VectorRow[] | null;
  readonly newest_applied: Date | null;
}

interface HaltRow {
  readonly halt_reason: string | null;
  readonly halt_message: string | null;
  readonly halt_stays: boolean;
}

interface AnchorRow {
  readonly owner_epoch: string;
  readonly anchor_leader_epoch: number | null;
  readonly anchor_hash: Buffer | null;
  /** Null if the partition never had an anchor. */
  readonly is_anchored: boolean | null;
}

type BooksRow = Record<string, string | null> & Omit<HaltRow, 'halt_stays'>;

/** Maximum characters of a halt message that a verdict shows. */
const haltMessageMax = 2048;

interface PositionRow {
  readonly series: string;
  readonly a: string;
  readonly b: string;
  readonly log_epoch: number;
  readonly partition: number;
  readonly offset: string;
}

function toSeriesTotal(row: TotalRow): SeriesTotal {
  return {
    series: row.series,
    total: row.total,
    count: BigInt(row.count),
    vector: toVector(row.vector),
    newestApplied: row.newest_applied ?? undefined,
  };
}

function toVector(rows: VectorRow[] | null): Position[] {
  return (rows ?? []).map(toPosition);
}

function toPosition(row: VectorRow): Position {
  return { logEpoch: row.log_epoch, partition: row.partition, offset: BigInt(row.offset) };
}

function toAnchor({
  anchor_leader_epoch: leaderEpoch,
  anchor_hash: hash,
  is_anchored: isAnchored,
}: AnchorRow): Anchor | undefined {
  return isAnchored === true && hash !== null ? { leaderEpoch: leaderEpoch ?? undefined, hash } : undefined;
}

function toHalt({
  halt_reason: reason,
  halt_message: message,
}: Omit<HaltRow, 'halt_stays'>): PartitionHalt | undefined {
  return reason === null ? undefined : { reason, message: message ?? '' };
}

/** Returns the message without control characters: it may quote a record with NUL, which PostgreSQL refuses. */
function storable(message: string): string {
  return message
    .toWellFormed()
    .replace(/\p{Cc}/gu, '?')
    .slice(0, haltMessageMax)
    .toWellFormed();
}

function toBooks(row: BooksRow): OwnedBooks {
  const big = (column: string) => BigInt(row[column] ?? 0);
  return {
    logEpoch: Number(row['log_epoch']),
    partition: Number(row['partition']),
    firstOffset: big('first_offset'),
    nextOffset: big('next_offset'),
    applied: big('applied'),
    duplicate: big('duplicate'),
    conflict: big('conflict'),
    parked: big('parked'),
    expired: big('expired'),
    ownerEpoch: big('owner_epoch'),
    owner: row['owner'] ?? '',
    halt: toHalt(row),
  };
}

function bytea(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function only<Row>(rows: readonly Row[]): Row {
  const row = rows[0];
  if (row === undefined) throw new Error('PostgreSQL returned no row');
  return row;
}
