import type { Health } from '#contract/verdict.ts';
import { pause } from '#platform/time.ts';
import { judgeDurability } from '#services/eventlog/durability.ts';
import { healthOf, healthy } from './health.ts';
import type { Partitions } from './partitions.ts';
import type { Session, SessionOptions } from './session.ts';

/** How often facts that nobody reports are looked at: books, log ends, and (every sixth time) topic settings. */
const lookEveryMs = 10_000;
const settingsEveryLooks = 6;
/** Lag without progress for this long means that something inside is stuck in a way nobody reports. */
const stuckAfterMs = 120_000;

/** Nothing moves in spite of lag, and neither Kafka nor PostgreSQL is to blame: the process should end. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}

/**
 * Looks at everything on a timer until the signal. What cannot be reached becomes health, not an error: the clients
 * connect again by themselves. Throws StuckError.
 */
export async function watch(
  options: SessionOptions,
  session: Session,
  partitions: Partitions,
  signal: AbortSignal,
): Promise<void> {
  const { state } = options;
  const { ledger, topic } = session;
  for (let looks = 1; ; looks++) {
    await pause(lookEveryMs, signal);
    if (signal.aborted) return;
    state.store = await asHealth('the books are open', state.store, async () => {
      state.books = await ledger.readBooks();
    });
    state.kafka = await asHealth('connected to Kafka', state.kafka, async () => {
      if (looks % settingsEveryLooks === 0) state.durability = judgeDurability(await topic.readSettings());
      await lookAtLag(options, session, partitions);
    });
  }
}

/** Health after some work; unchanged while all is well, so that messages do not flip by themselves. */
async function asHealth(message: string, before: Health, work: () => Promise<void>): Promise<Health> {
  try {
    await work();
    return before.ok ? before : healthy(message);
  } catch (error) {
    if (error instanceof StuckError) throw error;
    return healthOf(error);
  }
}

async function lookAtLag(
  { state, metrics }: SessionOptions,
  { topic }: Session,
  partitions: Partitions,
): Promise<void> {
  const ranges = await topic.offsets();
  for (const [partition, { nextOffset, progressAt }] of partitions.owned) {
    const lag = (ranges.get(partition)?.end ?? nextOffset) - nextOffset;
    metrics.set('sumpipeline_lag_records', Number(lag), { partition });
    const stillMs = Date.now() - progressAt;
    // While the books cannot be reached nothing can progress, and ending would not help.
    if (lag > 0n && stillMs > stuckAfterMs && state.store.ok && state.kafka.ok) {
      const still = `did not move for ${Math.round(stillMs / 1000)} s`;
      throw new StuckError(`partition ${partition} has a lag of ${lag} and ${still}`);
    }
  }
}
