import { performance } from 'node:perf_hooks';

/** The only source of time in this library: all code reads the time and sets timers through this interface. */
export interface Clock {
  /** Milliseconds since an unspecified start. The value never decreases, even if the wall clock is corrected. */
  monotonicMs(): number;
  /**
   * Milliseconds since 1970, for texts that users and other programs read. Never measure a duration with this value.
   */
  wallMs(): number;
  /** Calls `callback` once after `ms`. The returned function cancels the call. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, callback) {
    // setTimeout fires at once for a wait above 2^31-1 ms (about 24 days), so limit the wait to this value.
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
