import { type Amount, add, formatAmount, negate, zero } from '#audit/record/amount.ts';

/** Kinds of difference between the log and the books. Part of the answer that programs read: none is renamed. */
export type FindingKind =
  | 'NotCounted' // a record of the log has no disposition
  | 'NotInLog' // a row of the ledger has no such record in the log
  | 'RowDiffers' // a row of the ledger and its record say different things
  | 'CountedTwice' // an id has two rows in the ledger
  | 'CountedInvalid' // a record that is no valid addition is counted
  | 'TwoDispositions' // one offset has two rows in the books
  | 'ConflictDiffers' // a row of conflicts does not fit its record or the ledger
  | 'ConflictMissing' // a record with other operands than its id counts with is not kept aside
  | 'ParkedDiffers' // a row of parked does not fit its record
  | 'ParkedReadable' // a valid addition is parked
  | 'NotParked' // a record that is no valid addition has no disposition
  | 'LogCut' // the log ends before what the books have counted
  | 'LogGap' // the log lacks records in its middle
  | 'LogChanged' // the topic is another one than the books count
  | 'LawViolated' // dispositions of a partition do not cover its offsets
  | 'CountersDiffer' // counters of a partition are not the number of its rows
  | 'TotalDiffers' // a total is not the sum of its rows
  | 'RowsOutside' // the ledger has rows outside what its partition has counted
  | 'RecordsParked' // parked records, which make a total not exact
  | 'PartitionHalted'; // the aggregator halted the partition

export interface Finding {
  readonly kind: FindingKind;
  readonly logEpoch?: number;
  readonly partition?: number;
  /** The first offset that it is about, as text. */
  readonly offset?: string;
  readonly series?: string;
  /** A sentence for people. */
  readonly message: string;
}

/** More of one kind say nothing new: the number of the others is said. */
const listedOfKindMax = 20;
/** Series that are compared by what is missing in them; a record of another one is in the findings alone. */
const seriesMax = 200;

interface SeriesDifference {
  notCounted: { records: bigint; sum: Amount };
  notInLog: { rows: bigint; sum: Amount };
}

/** Gathers what was found, within bounds. */
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

  /** An addition of the log that the ledger lacks. */
  lacks(series: string, value: Amount): void {
    const difference = this.#differenceOf(series);
    if (difference === undefined) return;
    const { records, sum } = difference.notCounted;
    difference.notCounted = { records: records + 1n, sum: add(sum, value) };
  }

  /** A row of the ledger that is not in the log. */
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

  /** What the ledger lacks of the log, series by series, and what it has too much. `difference`: log minus ledger. */
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
