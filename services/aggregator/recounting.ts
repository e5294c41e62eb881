import type { Logger } from '#platform/log.ts';
import { backoffMs, pause } from '#platform/time.ts';
import type { Ledger, PartitionRecount, RecountRequest } from '#services/ledger/port.ts';
import type { AggregatorState } from './state.ts';

export interface RecountingOptions {
  readonly ledger: Pick<Ledger, 'recount' | 'recountPartition'>;
  readonly state: Pick<AggregatorState, 'wasVerified' | 'recount' | 'recounted'>;
  readonly logger: Logger;
  /** The partitions that this process owns now. */
  readonly owned: () => readonly number[];
}

export interface RecountingTimes {
  /** Pause between two comparisons of the owned partitions. */
  readonly everyMs: number;
  /** Age of a checkpoint after which every row is read again: another program may have changed rows below it. */
  readonly fromStartAfterMs: number;
  /** Wait after a first recount that failed. */
  readonly retry: { readonly minimumMs: number; readonly maximumMs: number; readonly random: () => number };
}

const defaultTimes: RecountingTimes = {
  everyMs: 60_000,
  fromStartAfterMs: 24 * 60 * 60_000,
  retry: { minimumMs: 500, maximumMs: 15_000, random: Math.random },
};

/** Rest of a background recount, as a multiple of its work. It works one twentieth of the time, so counting stays fast. */
const restPerWork = 19;

/**
 * Compares the ledger with the totals until the signal: every partition once, then the owned partitions repeatedly. It runs
 * beside counting. Until the first recount has ended, the verdict is unknown. Never rejects.
 */
export async function keepRecounted(
  options: RecountingOptions,
  signal: AbortSignal,
  times: RecountingTimes = defaultTimes,
): Promise<void> {
  const { state, logger } = options;
  for (let failures = 0; !signal.aborted; ) {
    let waitMs = times.everyMs;
    try {
      if (state.wasVerified) await recountOwned(options, signal, times);
      else await recountAll(options, signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (!state.wasVerified) waitMs = backoffMs(failures++, times.retry);
      logger.warn({ error, waitMs }, 'comparing the ledger with the totals failed; retrying');
    }
    await pause(waitMs, signal);
  }
}

async function recountAll({ ledger, state, logger }: RecountingOptions, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  const result = await ledger.recount({ between: () => signal.throwIfAborted() });
  if (signal.aborted) return;
  const { additions, differences } = result;
  const ms = Math.round(performance.now() - startedAt);
  logger.info({ additions: String(additions), differences, ms }, 'ledger recounted');
  state.recount = result;
}

async function recountOwned(options: RecountingOptions, signal: AbortSignal, times: RecountingTimes): Promise<void> {
  for (const partition of options.owned()) {
    const startedAt = performance.now();
    const { fromStartAt } = await recountOne(options, partition, signal);
    await pause(restPerWork * (performance.now() - startedAt), signal);
    if (signal.aborted) return;
    if (Date.now() - fromStartAt.getTime() < times.fromStartAfterMs) continue;
    await recountOne(options, partition, signal, { fromStart: true });
    if (signal.aborted) return;
  }
}

async function recountOne(
  { ledger, state, logger }: RecountingOptions,
  partition: number,
  signal: AbortSignal,
  request: Pick<RecountRequest, 'fromStart'> = {},
): Promise<PartitionRecount> {
  const result = await ledger.recountPartition(partition, {
    ...request,
    between: async (chunkMs) => {
      await pause(restPerWork * chunkMs, signal);
      signal.throwIfAborted();
    },
  });
  if (signal.aborted) return result;
  const { differences } = result;
  if (differences.length > 0) logger.error({ partition, differences }, 'the ledger does not sum to the totals');
  state.recounted(result);
  return result;
}
