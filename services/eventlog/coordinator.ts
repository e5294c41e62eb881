import type { AdminSession } from './admin.ts';
import { LogUnavailableError, type LogUnavailableReason } from './port.ts';

export interface CoordinatorOptions {
  readonly admin: Pick<AdminSession, 'use'>;
  readonly group: string;
  readonly topic: string;
  /** Milliseconds on any clock that only goes forward. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** How long a new or restarted coordinator may load: the caller tries again after it. */
const withinMs = 10_000;
const pollMs = 200;
const passing: ReadonlySet<LogUnavailableReason> = new Set(['Unreachable', 'GroupLoading']);

/**
 * A coordinator that is just loading its groups refuses a join, and kafkajs dies of that. Asking for committed offsets
 * first also finds out about missing rights while there is a caller to hear of it.
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
