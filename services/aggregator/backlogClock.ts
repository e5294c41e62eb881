/**
 * Wall time in which at least one batch with a backlog behind it is in work. Batches of several partitions overlap: time
 * that two share counts once, or a busy aggregator would look slower than it is.
 */
export class BacklogClock {
  readonly #now: () => number;
  #inWork = 0;
  /** Up to here the time was counted. */
  #countedTo = 0;

  /** `now`: milliseconds on a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(): void {
    if (this.#inWork === 0) this.#countedTo = this.#now();
    this.#inWork += 1;
  }

  /** Seconds of such time since the last call, or since the first batch began. */
  end(): number {
    this.#inWork -= 1;
    const now = this.#now();
    const seconds = Math.max(0, now - this.#countedTo) / 1000;
    this.#countedTo = now;
    return seconds;
  }
}
