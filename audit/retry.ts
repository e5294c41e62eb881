import { backoffMs, pause } from '#platform/time.ts';

export interface RetryOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly random: () => number;
  /** Returns whether a retry cannot fix the error. */
  readonly isFinal: (error: unknown) => boolean;
  /** Called with every error that is retried. */
  readonly onWait: (error: unknown) => void;
  /** Waits between two attempts. Default: a timer. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Runs before another attempt, to refresh metadata. Its errors are ignored, because the next attempt meets them. */
  readonly beforeNext?: () => Promise<unknown>;
}

/** Long enough for a leader to move and a server to restart. */
const tryForMs = 60_000;

/** Retries temporary failures. Throws the last error when the time is up, and a final error at once. */
export function createRetry({
  now,
  random,
  isFinal,
  onWait,
  wait = pause,
  beforeNext,
}: RetryOptions): <T>(ask: () => Promise<T>) => Promise<T> {
  return async (ask) => {
    const deadline = now() + tryForMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (isFinal(error) || now() > deadline) throw error;
        onWait(error);
      }
      await wait(backoffMs(attempt, { minimumMs: 200, maximumMs: 5_000, random }));
      await beforeNext?.().catch((error: unknown) => {
        if (isFinal(error)) throw error;
      });
    }
  };
}
