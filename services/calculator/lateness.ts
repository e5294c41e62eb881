/**
 * When an append without an answer counts as late: well above what answers took of late, as TCP decides when to send
 * again (RFC 6298): smoothed time plus four times its smoothed deviation.
 */
export class Lateness {
  #smoothedMs: number | undefined;
  #deviationMs = 0;

  /** Milliseconds. */
  get boundMs(): number {
    if (this.#smoothedMs === undefined) return minimumMs;
    return Math.min(maximumMs, Math.max(minimumMs, this.#smoothedMs + 4 * this.#deviationMs));
  }

  /** An append was answered after this time. */
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

/** Above a garbage collection of a broker or a slow disk: a copy costs every program behind us a record. */
const minimumMs = 1_000;
/** Below the default timeout of a call (10 s), so that a copy can still save it. */
const maximumMs = 4_000;
