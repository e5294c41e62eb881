import type { LogHole } from './log.ts';

/** A range of offsets of which no record was read. */
export interface HoleRange {
  readonly logEpoch: number;
  readonly partition: number;
  readonly kind: LogHole['kind'];
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: string;
  /** Rows of the ledger in it, which were therefore not compared with a record. */
  readonly rows: bigint;
}

/** A compacted log has holes without end: the first are named, the others counted. */
const listedMax = 200;

/** Puts ranges together that follow each other, because they come in pages. */
export class Holes {
  readonly #listed: HoleRange[] = [];
  #others = 0;

  add(range: HoleRange): void {
    const last = this.#listed.at(-1);
    const isNext =
      last !== undefined &&
      last.logEpoch === range.logEpoch &&
      last.partition === range.partition &&
      last.kind === range.kind &&
      last.reason === range.reason &&
      last.to === range.from;
    if (isNext) this.#listed.splice(-1, 1, { ...last, to: range.to, rows: last.rows + range.rows });
    else if (this.#listed.length < listedMax) this.#listed.push(range);
    else this.#others += 1;
  }

  listed(...kinds: readonly LogHole['kind'][]): readonly HoleRange[] {
    return this.#listed.filter(({ kind }) => kinds.includes(kind));
  }

  /** How many are not listed. */
  get others(): number {
    return this.#others;
  }
}
