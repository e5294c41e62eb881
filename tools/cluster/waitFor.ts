import { setTimeout as delay } from 'node:timers/promises';
import { readLogTail } from '#tools/progress.ts';
import { type Child, describeExit } from './child.ts';

export interface WaitRequest {
  /** Completes "waited 30 s for ...". */
  readonly what: string;
  readonly timeoutMs: number;
  /** True, or what was seen instead. An error counts as "not yet" and its message is what was seen. */
  readonly check: () => Promise<true | string>;
  /** Its end fails the wait at once, with the end of its log. */
  readonly child?: Child;
  readonly intervalMs?: number;
}

/** Waits for a condition with a deadline; the error says what was seen last and ends with the child's log. */
export async function waitFor({ what, timeoutMs, check, child, intervalMs = 50 }: WaitRequest): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await check().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    if (seen === true) return;
    if (child?.exit !== undefined) {
      throw new Error(`${child.name} ended with ${describeExit(child.exit)} before ${what}\n${readLogTail(child.log)}`);
    }
    if (performance.now() > deadline) {
      const log = child === undefined ? '' : `\n${readLogTail(child.log)}`;
      throw new Error(`waited ${timeoutMs / 1000} s for ${what}, saw: ${seen}${log}`);
    }
    await delay(intervalMs);
  }
}
