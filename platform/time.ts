import { setTimeout as delay } from 'node:timers/promises';

/** Waits, or returns early (without an error) when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

export interface BackoffOptions {
  /** First wait in milliseconds. */
  readonly minimumMs: number;
  /** Longest wait in milliseconds. */
  readonly maximumMs: number;
  /** In [0, 1); makes the jitter. */
  readonly random: () => number;
}

/** Exponential backoff with full jitter on the upper half: attempt 0 waits about `minimumMs`. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const ceiling = Math.min(options.maximumMs, options.minimumMs * 2 ** Math.min(attempt, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * options.random());
}

export class DeadlineError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} did not end within ${ms} ms`);
    this.name = 'DeadlineError';
  }
}

/**
 * Rejects with DeadlineError when the work takes longer. The work itself continues: pass a signal to it if it can stop.
 *
 * A plain timer: an AbortController per call, aborted at its end, cost twenty times as much.
 */
export function withDeadline<T>(what: string, ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError(what, ms)), ms);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
