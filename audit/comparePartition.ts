import type { Books } from './books/books.ts';
import type { PartitionRow } from './judge/books.ts';
import { judgeCounters } from './judge/counters.ts';
import type { Findings } from './judge/findings.ts';
import type { Holes } from './judge/holes.ts';
import { isHole, type LogHole, type LogItem } from './judge/log.ts';
import { judgePage, type Tally } from './judge/page.ts';
import { TotalsJudge } from './judge/totals.ts';
import { intoPages } from './pages.ts';

/** Number of offsets of a page. It limits the memory for rows of PostgreSQL and records of the log. */
const pageOffsets = 2_000n;
/** Maximum number of totals in memory. For further series the ledger of the partition is read again. */
const totalsOfPage = 50_000;
/** Maximum number of ledger rows that one query reads to add up their values. */
const valuesOfPage = 5_000;

export interface CompareOptions {
  readonly books: Pick<
    Books,
    'readRows' | 'readRowsById' | 'readConflicts' | 'readParked' | 'readTotals' | 'readValues'
  >;
  readonly findings: Findings;
  readonly holes: Holes;
  /** Retries a query while PostgreSQL does not respond. */
  readonly retry: <T>(ask: () => Promise<T>) => Promise<T>;
  readonly onProgress: (partition: PartitionRow, offset: bigint) => void;
}

/** Compares one partition with its log, page by page. Then compares its counters with the rows and records found. */
export async function comparePartition(
  row: PartitionRow,
  log: AsyncIterable<LogItem>,
  options: CompareOptions,
): Promise<Tally> {
  const { books, findings, holes, retry, onProgress } = options;
  const { logEpoch, partition } = row;
  const tally: Tally = { applied: 0n, conflict: 0n, parked: 0n, duplicate: 0n, unknown: 0n };
  for await (const { from, to, items } of intoPages(log, row.firstOffset, pageOffsets)) {
    const range = { logEpoch, partition, from, to };
    const page = await retry(async () => {
      const rows = await books.readRows(range);
      const logged = items.flatMap((item) => (item.kind === 'addition' ? [item.addition.requestId] : []));
      const ids = new Set([...logged, ...rows.map(({ requestId }) => requestId)]);
      return {
        rows,
        conflicts: await books.readConflicts(range),
        parked: await books.readParked(range),
        rowsById: Map.groupBy(await books.readRowsById([...ids]), ({ requestId }) => requestId),
      };
    });
    judgePage({ ...range, items, ...page }, { findings, holes, tally });
    onProgress(row, to);
  }
  judgeCounters(row, tally, findings);
  return tally;
}

/** Adds up the ledger of a partition and compares the sums with the totals, `totalsOfPage` series at a time. */
export async function compareTotals(row: PartitionRow, { books, findings, retry }: CompareOptions): Promise<void> {
  const { logEpoch, partition, firstOffset } = row;
  let after = '';
  for (;;) {
    const { totals, nextOffset } = await retry(() => books.readTotals(row, after, totalsOfPage));
    // After the last page of totals the ledger may still have rows of series without a total.
    const last = totals.length < totalsOfPage ? undefined : totals.at(-1)?.series;
    const judge = new TotalsJudge({ logEpoch, partition }, totals);
    for (let from = firstOffset; from < nextOffset; ) {
      const range = { logEpoch, partition, from, to: nextOffset, after, last };
      const values = await retry(() => books.readValues(range, valuesOfPage));
      for (const value of values) judge.add(value);
      const end = values.at(-1)?.offset;
      if (end === undefined || values.length < valuesOfPage) break;
      from = end + 1n;
    }
    judge.judge(findings);
    if (last === undefined) return;
    after = last;
  }
}

/** Returns the whole partition as one hole (a range without a record), for a log that can no longer be read. */
export async function* closedLog(row: PartitionRow, kind: LogHole['kind'], reason: string): AsyncGenerator<LogItem> {
  if (row.firstOffset < row.nextOffset) yield { kind, from: row.firstOffset, to: row.nextOffset, reason };
}

/**
 * Returns the items of `log`. Adds a hole for the offsets from `to` on, and for the offsets after an error that a retry
 * could not fix. At these offsets the rows in PostgreSQL are still checked. If an error is final, throws it.
 */
export async function* withEnds(
  row: PartitionRow,
  to: bigint,
  log: AsyncIterable<LogItem>,
  isFinal: (error: unknown) => boolean,
): AsyncGenerator<LogItem> {
  let next = row.firstOffset;
  try {
    for await (const item of log) {
      yield item;
      next = isHole(item) ? item.to : item.offset + 1n;
    }
  } catch (error) {
    if (isFinal(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    if (next < to) yield { kind: 'unreadable', from: next, to, reason: `the log cannot be read: ${reason}` };
  }
  if (to < row.nextOffset) yield { kind: 'outside', from: to, to: row.nextOffset, reason: 'not requested' };
}
