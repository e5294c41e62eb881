import type { Health } from '#contract/verdict.ts';
import { pause } from '#platform/time.ts';
import { judgeDurability } from '#services/eventlog/durability.ts';
import type { LogRange } from '#services/eventlog/port.ts';
import type { OwnedBooks } from '#services/ledger/port.ts';
import { healthOf, healthy } from './health.ts';
import type { Partitions } from './partitions.ts';
import type { Session, SessionOptions } from './session.ts';
import { type Standing, Stillness } from './stillness.ts';

/** How often facts that nobody reports are looked at: books, log ends, and (every sixth time) topic settings. */
const lookEveryMs = 10_000;
const settingsEveryLooks = 6;

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
  const { config, state, metrics } = options;
  const { ledger, topic } = session;
  const stillness = new Stillness();
  for (let looks = 1; ; looks++) {
    await pause(lookEveryMs, signal);
    if (signal.aborted) return;
    let books: OwnedBooks[] = [];
    state.store = await asHealth('the books are open', state.store, async () => {
      books = await ledger.readBooks();
      state.books = books;
    });
    state.kafka = await asHealth('connected to Kafka', state.kafka, async () => {
      if (looks % settingsEveryLooks === 0) state.durability = judgeDurability(await topic.readSettings());
      const ranges = await topic.offsets();
      for (const [partition, { nextOffset }] of partitions.owned) {
        const lag = (ranges.get(partition)?.end ?? nextOffset) - nextOffset;
        metrics.set('sumpipeline_lag_records', Number(lag), { partition });
      }
      // While the books cannot be reached nothing can progress, and ending would not help.
      if (!state.store.ok) return;
      const ours = standings(partitions.counting, books, ranges, config.SUMPIPELINE_LOG_EPOCH);
      const problem = stillness.look(ours, performance.now());
      if (problem !== undefined) throw new StuckError(problem);
    });
    if (!state.store.ok || !state.kafka.ok) stillness.forget();
  }
}

/** By partition: what the books say was counted, and what the log holds beyond it. */
function standings(
  partitions: readonly number[],
  books: readonly OwnedBooks[],
  ranges: ReadonlyMap<number, LogRange>,
  logEpoch: number,
): Map<number, Standing> {
  const next = new Map(books.filter((one) => one.logEpoch === logEpoch).map((one) => [one.partition, one.nextOffset]));
  return new Map(
    partitions.map((partition) => {
      const nextOffset = next.get(partition) ?? 0n;
      return [partition, { nextOffset, lag: (ranges.get(partition)?.end ?? nextOffset) - nextOffset }];
    }),
  );
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
