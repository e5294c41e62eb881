import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait for a condition, and the error text if it never becomes true. */
export interface WaitOptions {
  /** The condition, in words that fit after "waited for": `PostgreSQL to respond`. */
  readonly what: string;
  /** Milliseconds until the wait ends with an error. */
  readonly timeoutMs: number;
  /** Milliseconds between two attempts. Default 25. */
  readonly intervalMs?: number;
  /** Ends the wait early. Its reason becomes the error's cause. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `attempt` until it returns something other than undefined. An error that it throws counts as "not yet": the
 * last error becomes the cause of the error thrown after the timeout.
 */
export async function waitFor<Value>(
  { what, timeoutMs, intervalMs = 25, signal }: WaitOptions,
  attempt: () => Promise<Value | undefined>,
): Promise<Value> {
  const deadline = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    if (signal?.aborted) throw new Error(`stopped waiting for ${what}`, { cause: signal.reason });
    try {
      const value = await attempt();
      if (value !== undefined) return value;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) {
      const seen = lastError instanceof Error ? `; last error: ${lastError.message}` : '';
      throw new Error(`waited ${timeoutMs / 1000} s for ${what}${seen}`, { cause: lastError });
    }
    await sleep(intervalMs);
  }
}
