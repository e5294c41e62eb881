import type { AdminSession } from './admin.ts';
import { LogUnavailableError, type LogUnavailableReason } from './port.ts';

export interface CoordinatorOptions {
  readonly admin: Pick<AdminSession, 'use'>;
  readonly group: string;
  readonly topic: string;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** How long to wait for a new or restarted coordinator to load; after that the caller retries. */
const withinMs = 10_000;
const pollMs = 200;
const passing: ReadonlySet<LogUnavailableReason> = new Set(['Unreachable', 'GroupLoading']);

/**
 * A coordinator that is still loading its groups refuses a join, and that crashes kafkajs. Reading the committed
 * offsets first also reveals missing rights at a point where a caller can still receive the error.
 */
export async function untilCoordinatorServes({ admin, group, topic, now, pause }: CoordinatorOptions): Promise<void> {
  const deadline = now() + withinMs;
  for (;;) {
    try {
      await admin.use('the request to the group coordinator', (open) =>
        open.fetchOffsets({ groupId: group, topics: [topic] }),
      );
      return;
    } catch (error) {
      const isPassing = error instanceof LogUnavailableError && passing.has(error.reason);
      if (!isPassing || now() > deadline) throw error;
    }
    await pause(pollMs);
  }
}
