import type { LogHole } from './log.ts';

type Kind = LogHole['kind'];

/** A range of offsets of which no record was read. */
export interface HoleRange {
  readonly logEpoch: number;
  readonly partition: number;
  readonly kind: Kind;
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: string;
  /** Rows of the ledger in it, which were therefore not compared with a record. */
  readonly rows: bigint;
}

/** A compacted log has holes without end: of each kind the first are named, the others counted. */
const listedOfKindMax = 200;

/** Puts ranges together that follow each other, because they come in pages. */
export class Holes {
  readonly #kinds = new Map<Kind, { readonly listed: HoleRange[]; notListed: number; offsets: bigint }>();

  add(range: HoleRange): void {
    const of = this.#kinds.get(range.kind) ?? { listed: [], notListed: 0, offsets: 0n };
    this.#kinds.set(range.kind, of);
    of.offsets += range.to - range.from;
    const last = of.listed.at(-1);
    const isNext =
      last !== undefined &&
      last.logEpoch === range.logEpoch &&
      last.partition === range.partition &&
      last.reason === range.reason &&
      last.to === range.from;
    if (isNext) of.listed.splice(-1, 1, { ...last, to: range.to, rows: last.rows + range.rows });
    else if (of.listed.length < listedOfKindMax) of.listed.push(range);
    else of.notListed += 1;
  }

  listed(kind: Kind): readonly HoleRange[] {
    return this.#kinds.get(kind)?.listed ?? [];
  }

  notListed(kind: Kind): number {
    return this.#kinds.get(kind)?.notListed ?? 0;
  }

  /** How many offsets are in ranges of this kind, listed or not. */
  offsets(kind: Kind): bigint {
    return this.#kinds.get(kind)?.offsets ?? 0n;
  }
}
