import type { Health, Verdict } from '#contract/verdict.ts';
import { pause } from '#platform/time.ts';
import type { LogRange, TopicSettings } from '#services/eventlog/port.ts';
import type { OwnedBooks } from '#services/ledger/port.ts';
import { healthOf, healthy } from './health.ts';
import type { Partitions } from './partitions.ts';
import type { Session, SessionOptions } from './session.ts';
import { type Standing, type StillPartition, StuckWatch, stuckLimits } from './stillness.ts';

/**
 * Time between two checks, in milliseconds. A check reads what can change without an event: topic file, next offsets
 * and log ends. Every sixth check also reads the settings of the topic, because they rarely change.
 */
const lookEveryMs = 10_000;
const settingsEveryLooks = 6;

/** A partition has lag but makes no progress, and no cause is known: the process should exit. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}

export interface Watched {
  readonly session: Session;
  readonly partitions: Pick<Partitions, 'owned' | 'assigned' | 'counting' | 'obstacles' | 'isMember'>;
  /** Throws LogReplacedError if the topic is not the counted topic. */
  readonly requireSameLog: () => Promise<void>;
}

/**
 * Checks PostgreSQL and Kafka on a timer until the signal is aborted. Throws StuckError. If a server cannot be reached,
 * only the health changes, because the clients reconnect themselves.
 */
export async function watch(
  options: SessionOptions,
  { session, partitions, requireSameLog }: Watched,
  signal: AbortSignal,
  { everyMs = lookEveryMs, limits = stuckLimits } = {},
): Promise<void> {
  const { config, state, metrics, stillness } = options;
  const stuck = new StuckWatch(limits);
  for (let looks = 1; ; looks++) {
    await pause(everyMs, signal);
    // Read PostgreSQL first: then the log ends are not below the counted offsets, and lag is never negative.
    const books = await look(() => session.ledger.readBooks());
    // While Kafka has a problem, read the settings in every check: only that shows whether the problem has ended.
    const made = await look(() => session.topicFile.ensureIfChanged(requireSameLog));
    const withSettings = looks % settingsEveryLooks === 0 || !state.kafka.ok || (made.ok && made.value);
    const log = await look(() => lookAtLog(session, withSettings));
    // After the signal, errors of closed connections must not change the health.
    if (signal.aborted) return;
    state.store = nextHealth(state.store, books, healthy('connected to PostgreSQL'));
    if (books.ok) {
      state.books = books.value;
      const parked = books.value.reduce((sum, one) => sum + one.parked, 0n);
      metrics.sumpipeline_parked_records.set(Number(parked));
    }
    // Report Kafka as healthy again only as a member of the group. Before that, the failure may not have ended.
    state.kafka = nextHealth(
      state.kafka,
      log.ok ? made : log,
      partitions.isMember ? healthy('connected to Kafka') : state.kafka,
    );
    if (!books.ok || !log.ok) {
      // Measure the time without progress from now on: no progress is possible now, and a restart would not help.
      stillness.forget();
      stuck.forget();
      state.stuck = [];
      continue;
    }
    const { ranges, settings } = log.value;
    if (settings !== undefined) state.topic = settings;
    for (const [partition, { nextOffset }] of partitions.owned) {
      const lag = (ranges.get(partition)?.end ?? nextOffset) - nextOffset;
      metrics.sumpipeline_lag_records.set({ partition }, Number(lag));
    }
    const current = books.value.filter(({ logEpoch }) => logEpoch === config.SUMPIPELINE_LOG_EPOCH);
    const ours = standings(partitions.counting, current, ranges);
    const now = performance.now();
    const { obstacles } = partitions;
    // Also report stuck partitions that are not assigned to this process: possibly no aggregator has them.
    const others = standings(unassignedPartitions(partitions.assigned, current, ranges), current, ranges);
    state.stuck = stillness
      .look(new Map([...ours, ...others]), now)
      .map((still) => (ours.has(still.partition) ? stuckProblem(still, obstacles) : unclaimedProblem(still, current)));
    const problem = stuck.look(ours, obstacles, now);
    if (problem === undefined) continue;
    const { partition, nextOffset, lag, ms } = problem;
    const seconds = Math.round(ms / 1000);
    throw new StuckError(
      `partition ${partition} has a lag of ${lag} and has not moved from offset ${nextOffset} for ${seconds} s`,
    );
  }
}

interface LogFacts {
  readonly ranges: ReadonlyMap<number, LogRange>;
  /** Undefined if the settings were not read this time. */
  readonly settings: TopicSettings | undefined;
}

async function lookAtLog({ topic }: Session, withSettings: boolean): Promise<LogFacts> {
  const settings = withSettings ? await topic.readSettings() : undefined;
  return { settings, ranges: await topic.offsets() };
}

type Look<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly health: Health };

async function look<T>(work: () => Promise<T>): Promise<Look<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, health: healthOf(error) };
  }
}

/** Returns the health after a check. Keeps a good health unchanged, so that its message stays the same. */
function nextHealth(before: Health, now: Look<unknown>, healed: Health): Health {
  if (!now.ok) return now.health;
  return before.ok ? before : healed;
}

type PartitionProblem = NonNullable<Verdict['stuck']>[number];

function stuckProblem(still: StillPartition, obstacles: ReadonlyMap<number, string>): PartitionProblem {
  const { partition } = still;
  const unexplained = 'no error was reported; check the load of PostgreSQL and of the aggregators';
  const message = `${describeStill(still)}: ${obstacles.get(partition) ?? unexplained}`;
  return { partition, reason: 'PartitionStuck', message };
}

function unclaimedProblem(still: StillPartition, books: readonly OwnedBooks[]): PartitionProblem {
  const { partition } = still;
  const owner = books.find((one) => one.partition === partition)?.owner;
  const message =
    `${describeStill(still)}, and it is not assigned to this aggregator; ` +
    `${owner === undefined ? 'it never had an owner' : `its last owner is ${owner}`}. ` +
    'Check that every aggregator runs, and that the consumer group does not rebalance repeatedly';
  return { partition, reason: 'PartitionUnclaimed', message };
}

function describeStill({ partition, nextOffset }: StillPartition): string {
  return `partition ${partition} has records and has not moved from offset ${nextOffset} for a minute`;
}

/** Returns the partitions that Kafka lists, without those that are halted or assigned to this process. */
function unassignedPartitions(
  assigned: readonly number[],
  books: readonly OwnedBooks[],
  ranges: ReadonlyMap<number, LogRange>,
): number[] {
  const halted = new Set(books.filter(({ halt }) => halt !== undefined).map(({ partition }) => partition));
  return [...ranges.keys()].filter((partition) => !assigned.includes(partition) && !halted.has(partition));
}

/** Returns the next offset in PostgreSQL and the lag of each partition. */
function standings(
  partitions: readonly number[],
  books: readonly OwnedBooks[],
  ranges: ReadonlyMap<number, LogRange>,
): Map<number, Standing> {
  const next = new Map(books.map((one) => [one.partition, one.nextOffset]));
  return new Map(
    partitions.map((partition) => {
      const nextOffset = next.get(partition) ?? 0n;
      return [partition, { nextOffset, lag: (ranges.get(partition)?.end ?? nextOffset) - nextOffset }];
    }),
  );
}
