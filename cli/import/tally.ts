import type { Acknowledged } from '#cli/api/calculator.ts';
import type { Position } from '#core/vector.ts';
import type { Row } from './rows.ts';

export interface Rejection {
  readonly line: number;
  readonly row: number;
  /** `bad-row` when the row could not be read, otherwise a code of the error catalogue. */
  readonly code: string;
  readonly reason: string;
}

export interface Counts {
  /** Rows read. */
  readonly rows: number;
  /** Rows that this run wrote to the log. Includes a row of an earlier run if the calculator no longer remembers it. */
  readonly accepted: number;
  /** Rows for which the calculator returned an earlier acknowledgement. It wrote nothing for them. */
  readonly replayed: number;
  readonly rejected: number;
  /** Rows that were sent, but were neither acknowledged nor rejected before the import ended. */
  readonly unanswered: number;
  /** Number of attempts after the first attempt of each row. */
  readonly retries: number;
}

export interface TallyOptions {
  /** Maximum number of rejections to keep: those with the lowest line numbers. */
  readonly rejectionsMax: number;
  /** Called for every rejection, kept or not. */
  readonly onRejection?: (rejection: Rejection, row: Row) => void;
}

/** Counts the results of an import's rows, in memory that does not grow with the rows. */
export class Tally {
  readonly #options: TallyOptions;
  readonly #newest = new Map<number, Position>();
  #rejections: Rejection[] = [];
  #counts = { rows: 0, accepted: 0, replayed: 0, rejected: 0, unanswered: 0, retries: 0 };

  constructor(options: TallyOptions) {
    this.#options = options;
  }

  get counts(): Counts {
    return { ...this.#counts };
  }

  /** The first rejections in the file, at most `rejectionsMax`. */
  get rejections(): readonly Rejection[] {
    return this.#cut();
  }

  /** The highest acknowledged position of each partition: a total up to these positions counts every accepted row. */
  get vector(): Position[] {
    return [...this.#newest.values()].sort((a, b) => a.partition - b.partition);
  }

  read(): void {
    this.#counts.rows += 1;
  }

  retried(): void {
    this.#counts.retries += 1;
  }

  unanswered(): void {
    this.#counts.unanswered += 1;
  }

  acknowledged({ position, replayed }: Acknowledged): void {
    if (replayed) this.#counts.replayed += 1;
    else this.#counts.accepted += 1;
    const { partition, offset, logEpoch } = position;
    const newest = this.#newest.get(partition);
    const isNewer =
      newest === undefined || logEpoch > newest.logEpoch || (logEpoch === newest.logEpoch && offset > newest.offset);
    if (isNewer) this.#newest.set(partition, { partition, offset, logEpoch });
  }

  rejected(row: Row, { code, reason }: { code: string; reason: string }): void {
    this.#counts.rejected += 1;
    const rejection = { line: row.line, row: row.row, code, reason };
    this.#options.onRejection?.(rejection, row);
    this.#rejections.push(rejection);
    // Responses come out of order. So keep up to twice the maximum, and cut the list to the lowest line numbers.
    if (this.#rejections.length > this.#options.rejectionsMax * 2) this.#rejections = this.#cut();
  }

  #cut(): Rejection[] {
    return this.#rejections.toSorted((a, b) => a.line - b.line).slice(0, this.#options.rejectionsMax);
  }
}
