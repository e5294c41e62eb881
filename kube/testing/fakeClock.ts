import type { Clock } from '#kube/clock.ts';

/** A clock that moves only by `advance`. Timers fire in order, and their work runs before the time moves on. */
export class FakeClock implements Clock {
  #nowMs = 0;
  #timers: { dueMs: number; callback: () => void }[] = [];
  /** Wall clock minus monotonic clock, ms. To set the wall clock, change this number. */
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

  /** Moves the time without firing timers, as if the process had been stopped. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  get pending(): number {
    return this.#timers.length;
  }
}

/** Waits until the callbacks of resolved promises have run, and also those of promises that they resolve. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
