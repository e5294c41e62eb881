/** Where a partition stands, in one look at the books and then at the log. */
export interface Standing {
  /** Of the books. */
  readonly nextOffset: bigint;
  /** Records that the log holds beyond it. */
  readonly lag: bigint;
}

/** A partition that does not move in spite of lag. */
export interface StillPartition extends Standing {
  readonly partition: number;
  /** For how long, in milliseconds. */
  readonly ms: number;
}

/** What does not move for this long is told: with a look every 10 s, within a minute. */
export const tellAfterMs = 50_000;

export interface StuckLimits {
  /** Nothing moves for this long, while Kafka and PostgreSQL answer, and for no cause that is known: stuck inside. */
  readonly allMs: number;
  /** One partition while others move. A slow PostgreSQL lets each wait for its turn: minutes say little. */
  readonly oneMs: number;
}

export const stuckLimits: StuckLimits = { allMs: 120_000, oneMs: 900_000 };

/**
 * Finds partitions that do not move in spite of lag, from look to look. The books are what counts: whether a partition
 * cannot be claimed, cannot be read, or is claimed and lost over and over, it is the same stillness. A partition that
 * was idle and has just got a record is not still: its time begins with the first look that sees the lag.
 */
export class Stillness {
  readonly #afterMs: number;
  readonly #since = new Map<number, { readonly nextOffset: bigint; readonly ms: number }>();

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** Answers what is still for longer than the bound. Milliseconds of any clock. */
  look(standings: ReadonlyMap<number, Standing>, nowMs: number): StillPartition[] {
    const still: StillPartition[] = [];
    for (const partition of this.#since.keys()) if (!standings.has(partition)) this.#since.delete(partition);
    for (const [partition, { nextOffset, lag }] of standings) {
      const seen = this.#since.get(partition);
      if (lag <= 0n) this.#since.delete(partition);
      else if (seen?.nextOffset !== nextOffset) this.#since.set(partition, { nextOffset, ms: nowMs });
      else if (nowMs - seen.ms > this.#afterMs) still.push({ partition, nextOffset, lag, ms: nowMs - seen.ms });
    }
    return still;
  }

  /** Nothing could move, for reasons outside of us: the time begins anew. */
  forget(): void {
    this.#since.clear();
  }
}

/**
 * Finds what only an end of the process may cure. What waits for others is left out: an end would not help it, and would
 * stop the partitions that move.
 */
export class StuckWatch {
  readonly #limits: StuckLimits;
  readonly #stillness: Stillness;
  readonly #nextOffsets = new Map<number, bigint>();
  /** When any partition was last seen to have moved. */
  #movedAt: number | undefined;

  constructor(limits: StuckLimits) {
    this.#limits = limits;
    this.#stillness = new Stillness(limits.allMs);
  }

  /** `obstacles` has a cause for each partition that waits for others. */
  look(
    standings: ReadonlyMap<number, Standing>,
    obstacles: ReadonlyMap<number, string>,
    nowMs: number,
  ): StillPartition | undefined {
    const unexplained = new Map([...standings].filter(([partition]) => !obstacles.has(partition)));
    const still = this.#stillness.look(unexplained, nowMs).toSorted((left, right) => right.ms - left.ms);
    const [longest] = still;
    for (const [partition, { nextOffset }] of standings) {
      if (nextOffset > (this.#nextOffsets.get(partition) ?? nextOffset)) this.#movedAt = nowMs;
      this.#nextOffsets.set(partition, nextOffset);
    }
    const isAlone = this.#movedAt !== undefined && nowMs - this.#movedAt <= this.#limits.allMs;
    return longest !== undefined && longest.ms > (isAlone ? this.#limits.oneMs : this.#limits.allMs)
      ? longest
      : undefined;
  }

  forget(): void {
    this.#stillness.forget();
  }
}
