import type { AdminSession } from './admin.ts';
import { LogUnavailableError, type LogUnavailableReason } from './port.ts';

export interface CoordinatorOptions {
  readonly admin: Pick<AdminSession, 'use'>;
  readonly group: string;
  readonly topic: string;
  /** Returns milliseconds of a monotonic clock. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** Maximum wait until a new or restarted coordinator has loaded its groups. After that the caller retries. */
const withinMs = 10_000;
const pollMs = 200;
/** Reasons that end without action within seconds, so the request is retried. */
const passing: ReadonlySet<LogUnavailableReason> = new Set(['Unreachable', 'GroupLoading']);

/**
 * Waits until the group coordinator responds to a request for the committed offsets. Throws LogError. Call it before
 * a join: a coordinator that is still loading its groups refuses a join, and that crashes kafkajs. Missing rights are
 * also found here, while the caller can still receive the error.
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
