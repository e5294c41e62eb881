/**
 * Measures the time in which at least one batch is processed while more records wait. Batches of several partitions
 * overlap. Shared time counts once: if it counted twice, a busy aggregator would look slower than it is.
 */
export class BacklogClock {
  readonly #now: () => number;
  #inWork = 0;
  /** The time before this moment is already counted. */
  #countedTo = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(): void {
    if (this.#inWork === 0) this.#countedTo = this.#now();
    this.#inWork += 1;
  }

  /** Ends a batch. Returns the seconds since the last `end`, without time in which no batch was in work. */
  end(): number {
    this.#inWork -= 1;
    const now = this.#now();
    const seconds = Math.max(0, now - this.#countedTo) / 1000;
    this.#countedTo = now;
    return seconds;
  }
}
