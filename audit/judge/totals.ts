import { type Amount, add, formatAmount, isEqual, zero } from '#audit/record/amount.ts';
import type { LedgerRow, TotalRow } from './books.ts';
import type { Findings } from './findings.ts';

/** Sums are kept for at most this many series without a total. Rows of further series are only counted. */
const unknownSeriesMax = 1_000;

/** Adds up ledger rows by series, and compares the sums with one page of the totals of a partition. */
export class TotalsJudge {
  readonly #place: { readonly logEpoch: number; readonly partition: number };
  readonly #totals: readonly TotalRow[];
  readonly #sums: Map<string, { sum: Amount; count: bigint }>;
  readonly #limit: number;
  #others = 0;

  constructor(place: { logEpoch: number; partition: number }, totals: readonly TotalRow[]) {
    this.#place = place;
    this.#totals = totals;
    this.#sums = new Map(totals.map(({ series }) => [series, { sum: zero, count: 0n }]));
    this.#limit = this.#sums.size + unknownSeriesMax;
  }

  add({ series, value }: Pick<LedgerRow, 'series' | 'value'>): void {
    const known = this.#sums.get(series);
    if (known === undefined && this.#sums.size >= this.#limit) {
      this.#others += 1;
      return;
    }
    const { sum, count } = known ?? { sum: zero, count: 0n };
    this.#sums.set(series, { sum: add(sum, value), count: count + 1n });
  }

  judge(findings: Findings): void {
    const find = (series: string, message: string) =>
      findings.add({ kind: 'TotalDiffers', ...this.#place, series, message });
    const told = new Set<string>();
    for (const { series, total, count } of this.#totals) {
      told.add(series);
      const { sum, count: rows } = this.#sums.get(series) ?? { sum: zero, count: 0n };
      if (isEqual(sum, total) && rows === count) continue;
      const says = `the total of "${series}" is ${formatAmount(total)} for ${count} additions`;
      find(series, `${says}, but the sum of the ledger is ${formatAmount(sum)} for ${rows}`);
    }
    for (const [series, { sum, count }] of this.#sums) {
      if (!told.has(series))
        find(series, `"${series}" has no total, but the sum of the ledger is ${formatAmount(sum)} for ${count}`);
    }
    if (this.#others > 0) find('', `${this.#others} more rows of the ledger have a series without a total`);
  }
}
