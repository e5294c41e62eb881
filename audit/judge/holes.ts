import type { LogHole } from './log.ts';

type Kind = LogHole['kind'];

/** A range of offsets without a readable record. */
export interface HoleRange {
  readonly logEpoch: number;
  readonly partition: number;
  readonly kind: Kind;
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: string;
  /** Number of ledger rows in the range. They were not compared with a record. */
  readonly rows: bigint;
}

/** Maximum number of listed holes of one kind. Further holes are only counted: a compacted log has very many. */
const listedOfKindMax = 200;

/** Collects ranges of offsets without a record. Joins adjacent ranges, because one range may arrive in pages. */
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

  /** Number of offsets in ranges of this kind, listed or not. */
  offsets(kind: Kind): bigint {
    return this.#kinds.get(kind)?.offsets ?? 0n;
  }
}
