import { backoffMs, pause } from '#platform/time.ts';

export interface RetryOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly random: () => number;
  /** Returns true if a retry cannot fix the error. */
  readonly isFinal: (error: unknown) => boolean;
  /** Called with every error that is retried. */
  readonly onWait: (error: unknown) => void;
  /** Waits between two attempts. Default: a timer. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Called before another attempt, to refresh metadata. Its errors are ignored, except final errors. */
  readonly beforeNext?: () => Promise<unknown>;
}

/** Total time for all attempts, in milliseconds: enough for the election of a leader or a restart of a server. */
const tryForMs = 60_000;

/** Returns a function that retries for a minute and then throws the last error. It throws a final error at once. */
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
