import { backoffMs, pause } from '#platform/time.ts';
import { GaveUp, TryAgain } from './failure.ts';

export interface RetryOptions {
  /** How long to go on after the first attempt began, in milliseconds. */
  readonly deadlineMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** In [0, 1); makes the jitter. */
  readonly random: () => number;
  /** Ends the waiting; an abort is thrown as its reason. */
  readonly signal: AbortSignal;
  /** Told before every wait. */
  readonly onRetry?: (failure: TryAgain, waitMs: number) => void;
  /** Default: a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** First wait; doubled up to the longest, with jitter, so that many rows refused together do not come back together. */
const firstWaitMs = 100;
const longestWaitMs = 5_000;
/** A server may ask for patience, but not for more than this. */
const askedWaitMaxMs = 30_000;

/** Runs `attempt` until it answers, fails for good, or the deadline has passed. Only TryAgain is tried again. */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { deadlineMs, now, random, signal, onRetry, sleep = pause } = options;
  const startedAt = now();
  let mayBeWritten = false;
  for (let attempts = 1; ; attempts += 1) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TryAgain)) throw error;
      mayBeWritten ||= error.mayBeWritten;
      const backoff = backoffMs(attempts - 1, { minimumMs: firstWaitMs, maximumMs: longestWaitMs, random });
      const waitMs = Math.max(backoff, Math.min(error.afterMs ?? 0, askedWaitMaxMs));
      if (now() - startedAt + waitMs > deadlineMs) throw new GaveUp(error, { mayBeWritten, attempts });
      onRetry?.(error, waitMs);
      await sleep(waitMs, signal);
    }
  }
}
