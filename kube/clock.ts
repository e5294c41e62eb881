import { performance } from 'node:perf_hooks';

/** The only source of time for this library: it reads no other clock and sets no other timer. */
export interface Clock {
  /** Milliseconds from any start. They never go back and ignore corrections of the wall clock. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for texts that users and other programs read. Never measure a duration with them. */
  wallMs(): number;
  /** Calls `callback` once after `ms`. The returned function cancels the call. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, callback) {
    // setTimeout fires at once for a wait above 2^31-1 ms, about 24 days. Longer waits are cut to that.
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** Waits `ms`, or returns early when the signal aborts. The caller must check the signal. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    const abort = () => {
      cancel();
      resolve();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
