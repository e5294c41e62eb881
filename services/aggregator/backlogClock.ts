/**
 * Measures the time in which at least one batch is processed while more records wait. Batches of several partitions
 * overlap: shared time counts once, because a busy aggregator would look slower than it is.
 */
export class BacklogClock {
  readonly #now: () => number;
  #inWork = 0;
  /** Time was counted up to this moment. */
  #countedTo = 0;

  /** `now`: milliseconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(): void {
    if (this.#inWork === 0) this.#countedTo = this.#now();
    this.#inWork += 1;
  }

  /** Returns the seconds counted since the last call, or since the first batch began. */
  end(): number {
    this.#inWork -= 1;
    const now = this.#now();
    const seconds = Math.max(0, now - this.#countedTo) / 1000;
    this.#countedTo = now;
    return seconds;
  }
}
