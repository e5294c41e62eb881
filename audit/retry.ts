import { backoffMs, pause } from '#platform/time.ts';

export interface RetryOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly random: () => number;
  /** Errors that no other try can heal. */
  readonly isFinal: (error: unknown) => boolean;
  /** Hears of every error that is tried again. */
  readonly onWait: (error: unknown) => void;
  /** Between two tries. Default: waits on a timer. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Before another try: what has to be asked again. Its own failure is the next one's concern. */
  readonly beforeNext?: () => Promise<unknown>;
}

/** A leader moves and a server restarts within this time. */
const tryForMs = 60_000;

/** Tries again what fails for a while. Throws the last error when the time is up, and at once what is final. */
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
