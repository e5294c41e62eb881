import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait for a condition, and what to say when it does not come. */
export interface WaitOptions {
  /** What is awaited, as it reads after "waited for": `PostgreSQL to answer`. */
  readonly what: string;
  /** Milliseconds until the wait is given up. */
  readonly timeoutMs: number;
  /** Milliseconds between two tries. Default 25. */
  readonly intervalMs?: number;
  /** Ends the wait early; its reason becomes the error's cause. */
  readonly signal?: AbortSignal;
}

/**
 * Tries `attempt` until it returns something other than undefined. What it throws counts as "not yet": the last error
 * is the cause of the one thrown when the time is over.
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
      const seen = lastError instanceof Error ? `; last seen: ${lastError.message}` : '';
      throw new Error(`waited ${timeoutMs / 1000} s for ${what}${seen}`, { cause: lastError });
    }
    await sleep(intervalMs);
  }
}
