import type { Clock } from '#kube/clock.ts';

/** Time that moves only by `advance`; timers fire in order, and work that they started runs before time moves on. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #timers: { dueMs: number; callback: () => void }[] = [];
  /** Added to `wallMs` alone: a wall clock that is wrong or was set. */
  wallOffsetMs = 1_800_000_000_000;

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.wallOffsetMs;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(ms, 0), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await turn();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
      await turn();
    }
    this.#nowMs = untilMs;
    await turn();
  }

  /** Time passes while the process is stopped: no timer fires before the first one after it wakes up. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  get pending(): number {
    return this.#timers.length;
  }
}

/** Lets promises that are ready run, and those that they make ready. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
