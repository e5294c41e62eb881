/** Where a partition stands, in one look at the books and then at the log. */
export interface Standing {
  /** Of the books. */
  readonly nextOffset: bigint;
  /** Records that the log holds beyond it. */
  readonly lag: bigint;
}

/** Lag without any progress for this long, while Kafka and PostgreSQL answer, means that something inside is stuck. */
export const stuckAfterMs = 120_000;

/**
 * Finds partitions that do not move in spite of lag, from look to look. The books are what counts: whether a partition
 * cannot be claimed, cannot be read, or is claimed and lost over and over, it is the same stillness. A partition that
 * was idle and has just got a record is not still: its time begins with the first look that sees the lag.
 */
export class Stillness {
  readonly #since = new Map<number, { readonly nextOffset: bigint; readonly ms: number }>();

  /** Answers what is stuck, in words; undefined when nothing is. Milliseconds of any clock. */
  look(standings: ReadonlyMap<number, Standing>, nowMs: number): string | undefined {
    for (const partition of this.#since.keys()) if (!standings.has(partition)) this.#since.delete(partition);
    for (const [partition, { nextOffset, lag }] of standings) {
      const seen = this.#since.get(partition);
      if (lag <= 0n) this.#since.delete(partition);
      else if (seen?.nextOffset !== nextOffset) this.#since.set(partition, { nextOffset, ms: nowMs });
      else if (nowMs - seen.ms > stuckAfterMs) {
        const seconds = Math.round((nowMs - seen.ms) / 1000);
        return `partition ${partition} has a lag of ${lag} and has not moved from offset ${nextOffset} for ${seconds} s`;
      }
    }
    return undefined;
  }

  /** Nothing could move, for reasons outside of us: the time begins anew. */
  forget(): void {
    this.#since.clear();
  }
}
