import { setTimeout as delay } from 'node:timers/promises';

/** Waits for `ms`. Returns early, without an error, when the signal is aborted. */
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
  /** Maximum wait in milliseconds. */
  readonly maximumMs: number;
  /** Returns a number in [0, 1) for the jitter. */
  readonly random: () => number;
}

/**
 * Returns the wait before the next attempt, in milliseconds. The wait begins at `minimumMs` and doubles with each
 * attempt, up to `maximumMs`. The jitter shortens it by up to a half.
 */
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
 * Returns the result of the work. Rejects with DeadlineError if it takes longer than `ms`. The work itself continues:
 * pass a signal to it if it can stop.
 *
 * Uses a plain timer, because an AbortController for each call costs twenty times as much.
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
