import type { Logger } from '#platform/log.ts';
import { backoffMs, pause } from '#platform/time.ts';
import type { BooksPlace, Ledger, PlaceRecount, RecountRequest } from '#services/ledger/port.ts';
import type { AggregatorState } from './state.ts';

export interface RecountingOptions {
  readonly ledger: Pick<Ledger, 'recount' | 'recountPlace'>;
  readonly state: Pick<AggregatorState, 'wasVerified' | 'recount' | 'recounted' | 'recountProblem' | 'differing'>;
  readonly logger: Logger;
  /** Returns the partitions that are assigned to this process now, halted ones included. */
  readonly assigned: () => readonly BooksPlace[];
}

export interface RecountingTimes {
  /** Pause between two comparisons of the assigned partitions, in milliseconds. */
  readonly everyMs: number;
  /**
   * Age of a checkpoint, in milliseconds, after which every row is read again: another program may have changed rows
   * below it.
   */
  readonly renewAfterMs: number;
  /** Waits before the first recount is tried again after a failure, in milliseconds. */
  readonly retry: { readonly minimumMs: number; readonly maximumMs: number };
}

const defaultTimes: RecountingTimes = {
  everyMs: 60_000,
  renewAfterMs: 24 * 60 * 60_000,
  retry: { minimumMs: 500, maximumMs: 15_000 },
};

/**
 * A recount in the background pauses this many times as long as it works. So it works 5 % of the time, and counting
 * stays fast. The first recount does not pause, because the verdict is unknown until its end.
 */
const restPerWork = 19;

/** Failures in a row after which a problem is reported. A single failure, such as a lost connection, is no problem. */
const failuresToReport = 3;

/**
 * Compares the ledger with the totals until the signal is aborted. First compares every partition once. After that,
 * repeatedly compares the assigned partitions and the partitions with a known difference, and at the same time renews
 * old checkpoints. Counting continues meanwhile. Never rejects.
 */
export async function keepRecounted(
  options: RecountingOptions,
  signal: AbortSignal,
  times: RecountingTimes = defaultTimes,
): Promise<void> {
  await recountFirst(options, signal, times);
  const oldPlaces = new Map<string, BooksPlace>();
  await Promise.all([
    repeat(options, signal, times, async () => {
      for (const place of placesOf(options)) {
        const { fromStartAt } = await recountInBackground(options, place, signal);
        if (Date.now() - fromStartAt.getTime() >= times.renewAfterMs) oldPlaces.set(keyOf(place), place);
      }
    }),
    repeat(options, signal, times, async () => {
      for (const [key, place] of oldPlaces) {
        await recountInBackground(options, place, signal, { from: 'renewal' });
        oldPlaces.delete(key);
      }
    }),
  ]);
}

/** Compares every partition of every log, with retries. */
async function recountFirst(options: RecountingOptions, signal: AbortSignal, times: RecountingTimes): Promise<void> {
  const { ledger, state, logger } = options;
  for (let failures = 0; !state.wasVerified && !signal.aborted; ) {
    const startedAt = performance.now();
    try {
      const result = await ledger.recount({ between: () => signal.throwIfAborted() });
      if (signal.aborted) return;
      const { additions, differences } = result;
      const ms = Math.round(performance.now() - startedAt);
      logger.info({ additions: String(additions), differences, ms }, 'compared ledger and totals');
      state.recount = result;
    } catch (error) {
      if (signal.aborted) return;
      report(options, error);
      await pause(backoffMs(failures++, { ...times.retry, random: Math.random }), signal);
    }
  }
}

/** Repeats the work until the signal is aborted, with a pause after each round. Reports failures in a row. */
async function repeat(
  options: RecountingOptions,
  signal: AbortSignal,
  times: RecountingTimes,
  work: () => Promise<void>,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await work();
      if (failures >= failuresToReport) options.state.recountProblem = undefined;
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      failures++;
      options.logger.warn({ error, failures }, 'comparing ledger and totals failed; retrying');
      if (failures >= failuresToReport) report(options, error);
    }
    await pause(times.everyMs, signal);
  }
}

function report({ state, logger }: RecountingOptions, error: unknown): void {
  logger.error({ error }, 'the ledger cannot be compared with the totals');
  const cause = error instanceof Error ? error.message : String(error);
  state.recountProblem = `the ledger cannot be compared with the totals: ${cause}; retrying`;
}

/** Compares one partition, and pauses for a multiple of the time that it took. Throws if the signal is aborted. */
async function recountInBackground(
  { ledger, state, logger }: RecountingOptions,
  place: BooksPlace,
  signal: AbortSignal,
  request: Pick<RecountRequest, 'from'> = {},
): Promise<PlaceRecount> {
  const startedAt = performance.now();
  let restedMs = 0;
  const rest = async (ms: number) => {
    const restAt = performance.now();
    await pause(Math.max(0, ms), signal);
    restedMs += performance.now() - restAt;
    signal.throwIfAborted();
  };
  const result = await ledger.recountPlace(place, { ...request, between: (chunkMs) => rest(restPerWork * chunkMs) });
  signal.throwIfAborted();
  const { differences } = result;
  if (differences.length > 0) logger.error({ ...place, differences }, 'the ledger does not sum to the totals');
  state.recounted(result);
  const workMs = performance.now() - startedAt - restedMs;
  await rest(restPerWork * workMs - restedMs);
  return result;
}

function placesOf({ assigned, state }: RecountingOptions): BooksPlace[] {
  return [...new Map([...assigned(), ...state.differing].map((place) => [keyOf(place), place])).values()];
}

function keyOf({ logEpoch, partition }: BooksPlace): string {
  return `${logEpoch}/${partition}`;
}
