/** How far a partition is counted. PostgreSQL is read before the log end of Kafka, so that lag is never negative. */
export interface Standing {
  /** Next offset in PostgreSQL. */
  readonly nextOffset: bigint;
  /** Number of records in the log from the next offset on. */
  readonly lag: bigint;
}

/** A partition that has lag but makes no progress. */
export interface StillPartition extends Standing {
  readonly partition: number;
  /** Time without progress, in milliseconds. */
  readonly ms: number;
}

/**
 * Time without progress, in milliseconds, after which a partition is reported in the verdict. Checks run every 10 s, so
 * the report comes within a minute.
 */
export const tellAfterMs = 50_000;

export interface StuckLimits {
  /** Limit in milliseconds if no partition makes progress, although Kafka and PostgreSQL respond. */
  readonly allMs: number;
  /**
   * Limit in milliseconds if other partitions make progress. If PostgreSQL is slow, each partition waits for its
   * turn, so minutes are normal.
   */
  readonly oneMs: number;
}

export const stuckLimits: StuckLimits = { allMs: 120_000, oneMs: 900_000 };

/**
 * Finds partitions that have lag and keep the same next offset in PostgreSQL from check to check. This method finds
 * every cause: a partition that cannot be claimed or read, and a partition that is lost after each claim. When an idle
 * partition gets a record, its time without progress begins at the first check that sees the lag.
 */
export class Stillness {
  readonly #afterMs: number;
  readonly #since = new Map<number, { readonly nextOffset: bigint; readonly ms: number }>();

  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** Returns the partitions without progress for longer than the limit. `nowMs` is in milliseconds of any clock. */
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

  /** Call it when an external cause made progress impossible. All times start again. */
  forget(): void {
    this.#since.clear();
  }
}

/**
 * Finds a partition that only a restart of the process may repair. Partitions with an external cause are excluded: a
 * restart would not help them, and it would stop the partitions that make progress.
 */
export class StuckWatch {
  readonly #limits: StuckLimits;
  readonly #stillness: Stillness;
  readonly #nextOffsets = new Map<number, bigint>();
  /** Time of the last check that saw progress of a partition, on the clock of `look`. */
  #movedAt: number | undefined;

  constructor(limits: StuckLimits) {
    this.#limits = limits;
    this.#stillness = new Stillness(limits.allMs);
  }

  /**
   * Returns the partition that has been without progress for the longest time, if that time exceeds its limit.
   * Ignores the partitions in `obstacles`, which has external causes by partition.
   */
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
