import { performance } from 'node:perf_hooks';

/** Time as a parameter: the runtime reads no clock and sets no timer of its own. */
export interface Clock {
  /** Never goes back and ignores corrections of the wall clock; milliseconds from an arbitrary start. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for texts that users and other programs read; never for measuring a duration. */
  wallMs(): number;
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after(ms, callback) {
    // setTimeout holds at most 2^31-1 ms and fires at once for longer waits. No caller waits 24 days, so longer waits
    // are clamped.
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
};

/** Waits `ms`, or returns early when the signal aborts; the caller looks at the signal. */
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
