/**
 * Computes from recent response times after how long an append without a response is late. The formula is that of
 * TCP's retransmission timeout (RFC 6298): smoothed time plus four times its smoothed deviation.
 */
export class Lateness {
  #smoothedMs: number | undefined;
  #deviationMs = 0;

  /** An append without a response for longer than this is late. */
  get boundMs(): number {
    if (this.#smoothedMs === undefined) return minimumMs;
    return Math.min(maximumMs, Math.max(minimumMs, this.#smoothedMs + 4 * this.#deviationMs));
  }

  /** Reports the response time of one append. */
  observe(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += (Math.abs(ms - this.#smoothedMs) - this.#deviationMs) / 4;
    this.#smoothedMs += (ms - this.#smoothedMs) / 8;
  }
}

/**
 * Lower bound of the time after which an append is late. Longer than a garbage collection or a slow disk write of a
 * broker, because a needless copy costs time: the aggregators must read each copy.
 */
const minimumMs = 1_000;
/** Upper bound of the time after which an append is late. Below the 10 s of a call, so that a copy can succeed. */
const maximumMs = 4_000;
