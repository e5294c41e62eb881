import { backoffMs, pause } from '#platform/time.ts';
import { GaveUp, TryAgain } from './failure.ts';

export interface RetryOptions {
  /** How long to retry after the first attempt began, in milliseconds. */
  readonly deadlineMs: number;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** A number in [0, 1), used for the jitter. */
  readonly random: () => number;
  /** Ends the retries. The reason of the signal is thrown. */
  readonly signal: AbortSignal;
  /** Called before every wait. */
  readonly onRetry?: (failure: TryAgain, waitMs: number) => void;
  /** How to wait between two attempts. Default: with a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Wait before the first retry, in milliseconds. Each further wait is twice as long, up to `longestWaitMs`. A random
 * part (jitter) spreads the retries of rows that were refused at the same time.
 */
const firstWaitMs = 100;
/** Maximum wait before a retry, in milliseconds, unless the server requests a longer wait. */
const longestWaitMs = 5_000;
/** Maximum wait that a server may request, in milliseconds. A longer requested wait is shortened to this value. */
const askedWaitMaxMs = 30_000;

/**
 * Runs `attempt` until it succeeds or the deadline has passed. Retries only TryAgain. Every other error is thrown
 * immediately.
 */
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
