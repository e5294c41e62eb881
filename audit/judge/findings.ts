import { type Amount, add, formatAmount, negate, zero } from '#audit/record/amount.ts';

/** Kinds of difference between the log and PostgreSQL. Programs read them in the result, so a kind is never renamed. */
export type FindingKind =
  | 'NotCounted' // a record of the log has no disposition
  | 'NotInLog' // a row of the ledger has no matching record in the log
  | 'RowDiffers' // a row of the ledger and its record differ
  | 'CountedTwice' // a request id has two rows in the ledger
  | 'CountedInvalid' // a record that is not a valid addition is counted
  | 'TwoDispositions' // one offset has two rows in PostgreSQL
  | 'ConflictDiffers' // a row of conflicts does not match its record or the ledger
  | 'ConflictMissing' // a record is not in conflicts, although its request id is counted with other operands
  | 'ParkedDiffers' // a row of parked does not match its record
  | 'ParkedReadable' // a valid addition is parked
  | 'NotParked' // a record that is not a valid addition has no disposition
  | 'LogCut' // the log ends before the last counted offset
  | 'LogGap' // records are missing inside the log
  | 'LogChanged' // the topic is not the log that was counted
  | 'LawViolated' // the dispositions of a partition do not cover its offsets
  | 'CountersDiffer' // the counters of a partition differ from the number of its rows
  | 'TotalDiffers' // a total is not the sum of its rows
  | 'RowsOutside' // the ledger has rows outside the range that its partition has counted
  | 'RecordsParked' // records are parked, so the total is not exact
  | 'PartitionHalted'; // the aggregator halted the partition

export interface Finding {
  readonly kind: FindingKind;
  readonly logEpoch?: number;
  readonly partition?: number;
  /** First offset of the finding, as text. */
  readonly offset?: string;
  readonly series?: string;
  /** What was found, as a sentence for users. */
  readonly message: string;
}

/** Maximum number of listed findings of one kind. Further findings are only counted, because they say nothing new. */
const listedOfKindMax = 20;
/** Maximum number of series whose differences are summed. Records of further series are only in the findings. */
const seriesMax = 200;

interface SeriesDifference {
  notCounted: { records: bigint; sum: Amount };
  notInLog: { rows: bigint; sum: Amount };
}

/** Collects the findings, up to the limits above. */
export class Findings {
  readonly #listed: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();
  readonly #series = new Map<string, SeriesDifference>();
  #otherSeries = 0;

  add(finding: Finding): void {
    const count = (this.#counts.get(finding.kind) ?? 0) + 1;
    this.#counts.set(finding.kind, count);
    if (count <= listedOfKindMax) this.#listed.push(finding);
  }

  /** Adds an addition of the log that is missing in the ledger. */
  lacks(series: string, value: Amount): void {
    const difference = this.#differenceOf(series);
    if (difference === undefined) return;
    const { records, sum } = difference.notCounted;
    difference.notCounted = { records: records + 1n, sum: add(sum, value) };
  }

  /** Adds a row of the ledger that is not in the log. */
  exceeds(series: string, value: Amount): void {
    const difference = this.#differenceOf(series);
    if (difference === undefined) return;
    const { rows, sum } = difference.notInLog;
    difference.notInLog = { rows: rows + 1n, sum: add(sum, value) };
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }

  summary(): { counts: Record<string, number>; listed: readonly Finding[] } {
    return { counts: Object.fromEntries([...this.#counts].sort()), listed: this.#listed };
  }

  /** Returns for each series what only the log has and what only the ledger has. `difference` is log minus ledger. */
  seriesSummary() {
    const listed = [...this.#series].map(([series, { notCounted, notInLog }]) => ({
      series,
      notCounted: { records: notCounted.records.toString(), sum: formatAmount(notCounted.sum) },
      notInLog: { rows: notInLog.rows.toString(), sum: formatAmount(notInLog.sum) },
      difference: formatAmount(add(notCounted.sum, negate(notInLog.sum))),
    }));
    return { listed, recordsOfOthers: this.#otherSeries };
  }

  #differenceOf(series: string): SeriesDifference | undefined {
    const known = this.#series.get(series);
    if (known !== undefined) return known;
    if (this.#series.size >= seriesMax) {
      this.#otherSeries += 1;
      return undefined;
    }
    const made = { notCounted: { records: 0n, sum: zero }, notInLog: { rows: 0n, sum: zero } };
    this.#series.set(series, made);
    return made;
  }
}
