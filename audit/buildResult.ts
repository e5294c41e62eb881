import type { BooksSnapshot } from './books/books.ts';
import type { PartitionRow } from './judge/books.ts';
import type { Findings } from './judge/findings.ts';
import type { HoleRange, Holes } from './judge/holes.ts';
import type { Tally } from './judge/page.ts';
import type { AuditResult } from './result.ts';

/** One partition, and how far it was compared with the log. */
export interface ComparedPartition {
  readonly row: PartitionRow;
  /** The last compared offset plus one. */
  readonly to: bigint;
  readonly tally: Tally;
}

interface Audited {
  readonly snapshot: BooksSnapshot;
  readonly compared: readonly ComparedPartition[];
  readonly findings: Findings;
  readonly holes: Holes;
  readonly startedAt: Date;
  readonly endedAt: Date;
}

/** Builds the result. Findings make the verdict `notExact`. Otherwise unreadable ranges make it `incomplete`. */
export function buildResult({ snapshot, compared, findings, holes, startedAt, endedAt }: Audited): AuditResult {
  const notChecked = holes.listed('unreadable').map(formatRange);
  const isIncomplete = notChecked.length > 0;
  const verdict = findings.total > 0 ? 'notExact' : isIncomplete ? 'incomplete' : 'exact';
  const offsets = compared.reduce((sum, { row, to }) => sum + to - row.firstOffset, 0n);
  const removed = holes.offsets('removed');
  const partitions = compared.length === 1 ? '1 partition' : `${compared.length} partitions`;
  const place = `${offsets - removed} offsets of ${partitions}`;
  const messages = {
    exact: `each of ${place} has its disposition, and each total is the sum of its rows`,
    notExact: `${findings.total} ${findings.total === 1 ? 'difference was' : 'differences were'} found in ${place}`,
    incomplete: `no difference was found in ${place}, but some offsets could not be checked`,
  };
  const gone = removed === 0n ? '' : `; ${removed} more are no longer in the log`;
  const { counts, listed } = findings.summary();
  const series = findings.seriesSummary();
  return {
    pipeline: snapshot.pipeline,
    verdict,
    message: `${messages[verdict]}${gone}`,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((endedAt.getTime() - startedAt.getTime()) / 100) / 10,
    partitions: compared.map(({ row, to, tally }) => ({
      logEpoch: row.logEpoch,
      partition: row.partition,
      firstOffset: row.firstOffset.toString(),
      comparedTo: to.toString(),
      nextOffset: row.nextOffset.toString(),
      applied: tally.applied.toString(),
      duplicate: tally.duplicate.toString(),
      conflict: tally.conflict.toString(),
      parked: tally.parked.toString(),
      unknown: tally.unknown.toString(),
    })),
    counts,
    findings: [...listed],
    series: series.listed,
    seriesRecordsNotListed: series.recordsOfOthers,
    removed: holes.listed('removed').map(formatRange),
    notChecked,
    rangesNotListed: holes.notListed('removed') + holes.notListed('unreadable'),
  };
}

function formatRange({ logEpoch, partition, from, to, rows, reason }: HoleRange): AuditResult['removed'][number] {
  const [fromOffset, toOffset] = [from.toString(), (to - 1n).toString()];
  return { logEpoch, partition, fromOffset, toOffset, rows: rows.toString(), reason };
}
