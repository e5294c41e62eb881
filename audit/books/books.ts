import pg from 'pg';
import type { ConflictRow, LedgerExtent, LedgerRow, ParkedRow, PartitionRow, TotalRow } from '#audit/judge/books.ts';
import { parseNumeric } from '#audit/record/amount.ts';

/** A row of table logs: a log that is counted now or was counted before. */
export interface LogRow {
  readonly logEpoch: number;
  readonly clusterId: string;
  readonly topic: string;
  readonly topicId: string | undefined;
}

/** Pipeline, logs and partitions, all from one snapshot of PostgreSQL. */
export interface BooksSnapshot {
  readonly pipeline: string;
  readonly logs: readonly LogRow[];
  readonly partitions: readonly PartitionRow[];
}

/** A range of offsets of one partition. */
export interface OffsetRange {
  readonly logEpoch: number;
  readonly partition: number;
  readonly from: bigint;
  /** End of the range, exclusive. */
  readonly to: bigint;
}

type Text = Readonly<Record<string, string | null>>;

/** Reads the tables of a pipeline with the auditor's own SQL. Numbers are read as text. */
export class Books {
  readonly #pool: pg.Pool;
  readonly #schema: string;

  constructor(pool: pg.Pool, schema: string) {
    this.#pool = pool;
    this.#schema = pg.escapeIdentifier(schema);
  }

  /** Reads pipeline, logs and partitions in one snapshot. Returns undefined if the schema has no tables yet. */
  async readSnapshot(): Promise<BooksSnapshot | undefined> {
    return this.#inOneSnapshot(async (client) => {
      const [there] = await this.#query(client, 'SELECT to_regclass($1)::text AS ledger', [`${this.#schema}.ledger`]);
      if (there?.['ledger'] === null) return undefined;
      const [pipeline] = await this.#query(client, `SELECT namespace, name FROM ${this.#schema}.pipeline`);
      const logs = await this.#query(
        client,
        `SELECT log_epoch, cluster_id, topic, topic_id FROM ${this.#schema}.logs ORDER BY log_epoch`,
      );
      const partitions = await this.#query(
        client,
        `SELECT log_epoch, partition, first_offset, next_offset, applied, duplicate, conflict, parked, expired, halt_reason
         FROM ${this.#schema}.partitions ORDER BY log_epoch, partition`,
      );
      return {
        pipeline: `${pipeline?.['namespace']}/${pipeline?.['name']}`,
        logs: logs.map((row) => ({
          logEpoch: Number(row['log_epoch']),
          clusterId: text(row, 'cluster_id'),
          topic: text(row, 'topic'),
          topicId: row['topic_id'] ?? undefined,
        })),
        partitions: partitions.map(toPartition),
      };
    });
  }

  /** Reads the rows of the ledger in a range. Uses the unique index over (log_epoch, partition, offset). */
  async readRows(range: OffsetRange): Promise<readonly LedgerRow[]> {
    const rows = await this.#ask(
      `SELECT request_id, series, a, b, value, log_epoch, partition, "offset" FROM ${this.#schema}.ledger
       WHERE log_epoch = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4 ORDER BY "offset"`,
      parameters(range),
    );
    return rows.map(toLedgerRow);
  }

  /** Reads the rows of the ledger with these request ids, in any partition. */
  async readRowsById(requestIds: readonly string[]): Promise<readonly LedgerRow[]> {
    if (requestIds.length === 0) return [];
    const rows = await this.#ask(
      `SELECT request_id, series, a, b, value, log_epoch, partition, "offset" FROM ${this.#schema}.ledger
       WHERE request_id = ANY ($1::uuid[])`,
      [requestIds],
    );
    return rows.map(toLedgerRow);
  }

  async readConflicts(range: OffsetRange): Promise<readonly ConflictRow[]> {
    const rows = await this.#ask(
      `SELECT "offset", request_id, series, a, b FROM ${this.#schema}.conflicts
       WHERE log_epoch = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4 ORDER BY "offset"`,
      parameters(range),
    );
    return rows.map((row) => ({
      offset: BigInt(text(row, 'offset')),
      requestId: text(row, 'request_id'),
      series: text(row, 'series'),
      a: parseNumeric(text(row, 'a')),
      b: parseNumeric(text(row, 'b')),
    }));
  }

  async readParked(range: OffsetRange): Promise<readonly ParkedRow[]> {
    const rows = await this.#ask(
      `SELECT "offset", encode(sha256(key), 'hex') AS key_hash, encode(sha256(value), 'hex') AS value_hash, reason
       FROM ${this.#schema}.parked
       WHERE log_epoch = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4 ORDER BY "offset"`,
      parameters(range),
    );
    return rows.map((row) => ({
      offset: BigInt(text(row, 'offset')),
      keyHash: row['key_hash'] ?? undefined,
      valueHash: row['value_hash'] ?? undefined,
      reason: text(row, 'reason'),
    }));
  }

  /** Reads the totals of one partition for series after `after`, and the next offset in the same snapshot. */
  async readTotals(
    { logEpoch, partition }: Pick<OffsetRange, 'logEpoch' | 'partition'>,
    after: string,
    limit: number,
  ): Promise<{ readonly totals: readonly TotalRow[]; readonly nextOffset: bigint }> {
    return this.#inOneSnapshot(async (client) => {
      const [books] = await this.#query(
        client,
        `SELECT next_offset FROM ${this.#schema}.partitions WHERE log_epoch = $1 AND partition = $2`,
        [logEpoch, partition],
      );
      const rows = await this.#query(
        client,
        `SELECT series, total, count FROM ${this.#schema}.totals
         WHERE log_epoch = $1 AND partition = $2 AND series > $3 ORDER BY series LIMIT $4`,
        [logEpoch, partition, after, limit],
      );
      const totals = rows.map((row) => ({
        series: text(row, 'series'),
        total: parseNumeric(text(row, 'total')),
        count: BigInt(text(row, 'count')),
      }));
      return { totals, nextOffset: BigInt(books?.['next_offset'] ?? 0) };
    });
  }

  /**
   * Reads series and values of the ledger by offset, at most `limit` rows. Reads only series after
   * `after` and up to `last`, in byte order.
   */
  async readValues(
    range: OffsetRange & { readonly after: string; readonly last: string | undefined },
    limit: number,
  ): Promise<readonly (Pick<LedgerRow, 'series' | 'value'> & { readonly offset: bigint })[]> {
    const rows = await this.#ask(
      `SELECT series, value, "offset" FROM ${this.#schema}.ledger
       WHERE log_epoch = $1 AND partition = $2 AND "offset" >= $3 AND "offset" < $4
         AND series > $5 AND ($6::text IS NULL OR series <= $6) ORDER BY "offset" LIMIT $7`,
      [...parameters(range), range.after, range.last ?? null, limit],
    );
    return rows.map((row) => ({
      series: text(row, 'series'),
      value: parseNumeric(text(row, 'value')),
      offset: BigInt(text(row, 'offset')),
    }));
  }

  /** Reads which partitions have rows in the ledger, with the lowest and highest offset. Reads only the index. */
  async readExtents(): Promise<readonly LedgerExtent[]> {
    const ledger = `${this.#schema}.ledger`;
    const rows = await this.#ask(
      `WITH RECURSIVE places AS (
         (SELECT log_epoch, partition FROM ${ledger} ORDER BY log_epoch, partition LIMIT 1)
         UNION ALL
         SELECT n.log_epoch, n.partition FROM places p CROSS JOIN LATERAL (
           SELECT log_epoch, partition FROM ${ledger} l
           WHERE (l.log_epoch, l.partition) > (p.log_epoch, p.partition) ORDER BY log_epoch, partition LIMIT 1) n)
       SELECT p.log_epoch, p.partition, b.first_offset, b.next_offset,
         (SELECT min("offset") FROM ${ledger} l WHERE l.log_epoch = p.log_epoch AND l.partition = p.partition) AS lowest,
         (SELECT max("offset") FROM ${ledger} l WHERE l.log_epoch = p.log_epoch AND l.partition = p.partition) AS highest
       FROM places p LEFT JOIN ${this.#schema}.partitions b USING (log_epoch, partition)`,
      [],
    );
    return rows.map((row) => ({
      logEpoch: Number(row['log_epoch']),
      partition: Number(row['partition']),
      lowest: BigInt(text(row, 'lowest')),
      highest: BigInt(text(row, 'highest')),
      counted:
        row['next_offset'] === null
          ? undefined
          : { from: BigInt(text(row, 'first_offset')), to: BigInt(text(row, 'next_offset')) },
    }));
  }

  async #ask(sql: string, values: unknown[]): Promise<Text[]> {
    return (await this.#pool.query<Text>({ text: sql, values, types: asText })).rows;
  }

  async #query(client: pg.PoolClient, sql: string, values: unknown[] = []): Promise<Text[]> {
    return (await client.query<Text>({ text: sql, values, types: asText })).rows;
  }

  async #inOneSnapshot<T>(read: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let failure: unknown;
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const found = await read(client);
      await client.query('COMMIT');
      return found;
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.release(failure !== undefined);
    }
  }
}

/** Returns all values as PostgreSQL prints them, so that no number is converted to floating point. */
const asText = { getTypeParser: () => String };

function parameters({ logEpoch, partition, from, to }: OffsetRange): unknown[] {
  return [logEpoch, partition, from.toString(), to.toString()];
}

function text(row: Text, column: string): string {
  const value = row[column];
  if (value === null || value === undefined) throw new Error(`PostgreSQL has a row without ${column}`);
  return value;
}

function toPartition(row: Text): PartitionRow {
  const number = (column: string) => BigInt(text(row, column));
  return {
    logEpoch: Number(row['log_epoch']),
    partition: Number(row['partition']),
    firstOffset: number('first_offset'),
    nextOffset: number('next_offset'),
    applied: number('applied'),
    duplicate: number('duplicate'),
    conflict: number('conflict'),
    parked: number('parked'),
    expired: number('expired'),
    haltReason: row['halt_reason'] ?? undefined,
  };
}

function toLedgerRow(row: Text): LedgerRow {
  return {
    requestId: text(row, 'request_id'),
    series: text(row, 'series'),
    a: parseNumeric(text(row, 'a')),
    b: parseNumeric(text(row, 'b')),
    value: parseNumeric(text(row, 'value')),
    logEpoch: Number(row['log_epoch']),
    partition: Number(row['partition']),
    offset: BigInt(text(row, 'offset')),
  };
}
