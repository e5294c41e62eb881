import type { Query } from './migrate.ts';
import {
  type BooksPlace as Place,
  type PlaceRecount,
  type RecountRequest,
  recountDifferencesMax,
  StoreUnavailableError,
} from './port.ts';

/** Runs statements in one transaction without a time limit: the ledger may be large and its disk slow. */
export type PatientTransaction = <T>(work: (query: Query) => Promise<T>) => Promise<T>;

/** Number of offsets that one transaction sums: about 20 ms of work. A long transaction would hold back VACUUM. */
const chunkOffsets = 100_000;

/**
 * Maximum number of tries to recount a partition. A try fails if another process ends its recount of the partition
 * first: that deletes the recount of this process.
 */
const attemptsMax = 20;

/** Returns the partitions that are in table partitions or in the ledger. A row of table partitions may be lost. */
export async function readPlaces(transact: PatientTransaction, schema: string): Promise<Place[]> {
  const rows = await transact((query) => query<{ log_epoch: number; partition: number }>(placesSql(schema)));
  return rows.map(({ log_epoch: logEpoch, partition }) => ({ logEpoch, partition }));
}

/** Sums the ledger of one partition in chunks. Then compares the sums with the totals and counters. */
export async function recountPlace(
  transact: PatientTransaction,
  schema: string,
  place: Place,
  request: RecountRequest,
): Promise<PlaceRecount> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const result = await recountOnce(transact, schema, place, request);
    if (result !== undefined) return result;
  }
  throw new StoreUnavailableError(
    'RecountReplaced',
    `partition ${place.partition}: other recounts ended first ${attemptsMax} times; retry`,
  );
}

/** Recounts once. Returns undefined if another recount of the partition ended first and deleted this recount. */
async function recountOnce(
  transact: PatientTransaction,
  schema: string,
  { logEpoch, partition }: Place,
  { from = 'checkpoint', between }: RecountRequest,
): Promise<PlaceRecount | undefined> {
  const begun = await transact((query) =>
    query<{ id: string }>(`SELECT ${schema}.begin_recount_v1($1, $2, $3) AS id`, [logEpoch, partition, from]),
  );
  const id = begun[0]?.id;
  for (;;) {
    const startedAt = performance.now();
    const [chunk] = await transact((query) =>
      query<{ at_end: boolean | null }>(`SELECT ${schema}.continue_recount_v1($1, $2) AS at_end`, [id, chunkOffsets]),
    );
    if (chunk?.at_end == null) return undefined;
    if (chunk.at_end) break;
    await between?.(performance.now() - startedAt);
  }
  return transact(async (query) => {
    // The lock keeps the sums unchanged until the comparison has ended. end_recount_v1 deletes other recounts of the
    // partition. So lock them all in the order of ids: otherwise two recounts that end together could deadlock.
    const recounts = await query<{ id: string; next_offset: string; started_at: Date }>(
      `SELECT id, next_offset, started_at FROM ${schema}.recounts WHERE log_epoch = $1 AND partition = $2 ORDER BY id FOR UPDATE`,
      [logEpoch, partition],
    );
    const recount = recounts.find((one) => one.id === id);
    if (recount === undefined) return undefined;
    const values = [id, logEpoch, partition, recount.next_offset, recountDifferencesMax];
    const [row] = await query<ComparedRow>(compareSql(schema), values);
    const differences = (row?.differences ?? []).map((found) => ({ logEpoch, partition, ...found }));
    await query(`SELECT ${schema}.end_recount_v1($1, $2)`, [id, differences.length === 0]);
    return { logEpoch, partition, additions: BigInt(row?.counted ?? 0), differences, fromStartAt: recount.started_at };
  });
}

interface ComparedRow {
  readonly counted: string;
  readonly differences: { readonly summary: string; readonly message: string }[] | null;
}

/** Returns the SQL of readPlaces. It reads one index entry per partition. DISTINCT would read the whole ledger. */
function placesSql(schema: string): string {
  return `WITH RECURSIVE counted AS (
      (SELECT log_epoch, partition FROM ${schema}.ledger ORDER BY log_epoch, partition LIMIT 1)
      UNION ALL
      SELECT next.* FROM counted c, LATERAL (
        SELECT l.log_epoch, l.partition FROM ${schema}.ledger l
        WHERE (l.log_epoch, l.partition) > (c.log_epoch, c.partition) ORDER BY l.log_epoch, l.partition LIMIT 1) AS next)
    SELECT log_epoch, partition FROM counted
    UNION SELECT log_epoch, partition FROM ${schema}.partitions
    ORDER BY log_epoch, partition`;
}

/**
 * Returns the SQL of the comparison. It adds the newest rows to the sums of the recount, compares the result with the
 * totals, and compares row numbers with the counters. It is one statement, so that all numbers are from one snapshot.
 */
function compareSql(schema: string): string {
  return `WITH
    counted AS (
      SELECT series, sum(total) AS total, sum(count)::bigint AS count FROM (
        SELECT series, total, count FROM ${schema}.recount_totals WHERE recount = $1
        UNION ALL
        SELECT series, value, 1 FROM ${schema}.ledger WHERE log_epoch = $2 AND partition = $3 AND "offset" >= $4
      ) AS parts GROUP BY series),
    kept AS (SELECT series, total, count FROM ${schema}.totals WHERE log_epoch = $2 AND partition = $3),
    books AS (SELECT * FROM ${schema}.partitions WHERE log_epoch = $2 AND partition = $3),
    found AS (
      SELECT format('partition %s series %s', $3::text, series) AS place,
        format('ledger sums to %s in %s additions, total is %s of %s',
          trim_scale(coalesce(c.total, 0)), coalesce(c.count, 0), trim_scale(coalesce(k.total, 0)), coalesce(k.count, 0)) AS numbers,
        'the ledger does not sum to the total' AS problem
      FROM counted c FULL JOIN kept k USING (series)
      WHERE c.total IS DISTINCT FROM k.total OR c.count IS DISTINCT FROM k.count
      UNION ALL
      SELECT format('partition %s', $3::text), format('%s %s rows, counter says %s', rows, disposition, counter),
        format('the counter of %s additions is wrong', disposition)
      FROM books, LATERAL (VALUES
        ('applied', (SELECT coalesce(sum(count), 0) FROM counted), applied),
        ('conflict', (SELECT count(*) FROM ${schema}.conflicts WHERE log_epoch = $2 AND partition = $3), conflict),
        ('parked', (SELECT count(*) FROM ${schema}.parked WHERE log_epoch = $2 AND partition = $3), parked)
      ) AS v (disposition, rows, counter)
      WHERE rows <> counter
      UNION ALL
      SELECT format('partition %s', $3::text), format('the ledger has %s additions of it, but its row in table "partitions" is missing',
        (SELECT coalesce(sum(count), 0) FROM counted)), 'its row in table "partitions" is missing'
      WHERE NOT EXISTS (SELECT FROM books))
  SELECT (SELECT coalesce(sum(count), 0) FROM counted)::text AS counted,
    (SELECT json_agg(json_build_object('summary', place || ': ' || problem, 'message', place || ': ' || numbers))
     FROM (SELECT * FROM found LIMIT $5) AS few) AS differences`;
}
