/**
 * When an append without a response counts as late: well above recent response times. Computed as TCP computes its
 * retransmission timeout (RFC 6298): smoothed time plus four times its smoothed deviation.
 */
export class Lateness {
  #smoothedMs: number | undefined;
  #deviationMs = 0;

  /** Milliseconds. */
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

/** Longer than a garbage collection of a broker or a slow disk write: every consumer must read a copy too. */
const minimumMs = 1_000;
/** Below the default timeout of a call (10 s), so that a copy can still succeed in time. */
const maximumMs = 4_000;
