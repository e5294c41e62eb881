import type { CountedLog } from '#contract/countedLog.ts';
import { type Health, parseVerdict, type Verdict } from '#contract/verdict.ts';
import type { LiveConfigMap, LivePod } from './objects.ts';
import { currentPods, isReadyPod } from './pod.ts';

/** The merged verdict of all aggregators. */
export interface ObservedVerdict {
  /** The worst result of all ready pods. */
  readonly exact: { readonly status: 'True' | 'False' | 'Unknown'; readonly reason: string; readonly message: string };
  /**
   * For `kafka`, `store` and `durability`: the first problem that an existing pod reports. If no pod reports a
   * problem, the report of any pod. Undefined while no pod has reported.
   */
  readonly kafka: Health | undefined;
  readonly store: Health | undefined;
  readonly durability: Health | undefined;
  readonly halts: Verdict['halts'];
  /** Partitions that have lag and do not move, lowest first. */
  readonly stuck: Verdict['halts'];
  /** Number of partitions of the topic; undefined while no aggregator has read it. */
  readonly partitions: number | undefined;
  /** The logs that the ledger counts, newest first; empty while no aggregator has read them. */
  readonly logs: readonly CountedLog[];
  /** Keys of ConfigMap `<name>-proof` for which no pod exists. */
  readonly goneKeys: readonly string[];
}

interface Report {
  readonly pod: string;
  readonly isReady: boolean;
  /** The verdict of the pod. Undefined if the pod has not written one, or if it cannot be read. */
  readonly verdict: Verdict | undefined;
  readonly problem: string;
}

/** Merges the verdicts of ConfigMap `<name>-proof`. `pods` are the aggregator pods that the API server has. */
export function observeVerdict(proof: LiveConfigMap | undefined, pods: readonly LivePod[]): ObservedVerdict {
  const data = proof?.data ?? {};
  const names = new Set(pods.map((pod) => pod.metadata.name));
  const reports = currentPods(pods).map((pod) => read(pod, data[pod.metadata.name]));
  const verdicts = reports.flatMap(({ verdict }) => (verdict === undefined ? [] : [verdict]));
  return {
    exact: worstExact(reports.filter(({ isReady }) => isReady)),
    kafka: worstHealth(verdicts.map(({ kafka }) => kafka)),
    store: worstHealth(verdicts.map(({ store }) => store)),
    durability: worstHealth(verdicts.map(({ durability }) => durability)),
    halts: mergeHalts(verdicts),
    stuck: byPartition(
      current(verdicts)
        .flatMap(({ stuck = [] }) => stuck)
        .toSorted(unclaimedFirst),
    ),
    // The topic only grows, so the largest number is the newest.
    partitions: most(verdicts.flatMap(({ partitions = [] }) => partitions)),
    // Newest report first: after a pipeline was re-created, pods of the earlier pipeline may still report its log.
    logs: verdicts
      .toSorted((left, right) => right.at.localeCompare(left.at))
      .flatMap(({ log = [] }) => log)
      .toSorted((left, right) => right.epoch - left.epoch),
    goneKeys: Object.keys(data)
      .filter((key) => !names.has(key))
      .toSorted(),
  };
}

/**
 * Returns one halt for each partition, lowest partition first. Every pod that reads the ledger reports all halts. A
 * pod without a connection to Kafka or PostgreSQL may report a halt that has ended. Its halts count only if no pod has
 * both connections.
 */
function mergeHalts(verdicts: readonly Verdict[]): Verdict['halts'] {
  const known = current(verdicts);
  return byPartition((known.length > 0 ? known : verdicts).flatMap((verdict) => verdict.halts));
}

/** Returns the verdicts of pods that reach both Kafka and PostgreSQL. Other verdicts may be out of date. */
function current(verdicts: readonly Verdict[]): readonly Verdict[] {
  return verdicts.filter(({ kafka, store }) => kafka.ok && store.ok);
}

/**
 * Sorts problems with reason PartitionUnclaimed first, so that `byPartition` replaces them by other problems of the
 * partition: the aggregator that has the partition knows the cause.
 */
function unclaimedFirst(one: Verdict['halts'][number], other: Verdict['halts'][number]): number {
  return Number(one.reason !== 'PartitionUnclaimed') - Number(other.reason !== 'PartitionUnclaimed');
}

function byPartition(problems: Verdict['halts']): Verdict['halts'] {
  const found = new Map(problems.map((problem) => [problem.partition, problem]));
  return [...found.values()].toSorted((left, right) => left.partition - right.partition);
}

function most(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : Math.max(...numbers);
}

function read(pod: LivePod, text: string | undefined): Report {
  const common = { pod: pod.metadata.name, isReady: isReadyPod(pod) };
  if (text === undefined) return { ...common, verdict: undefined, problem: 'has not reported yet' };
  const parsed = parseVerdict(text);
  if (parsed.ok) return { ...common, verdict: parsed.value, problem: '' };
  return { ...common, verdict: undefined, problem: `wrote an unreadable verdict (${parsed.problem})` };
}

/** Returns the worst result. False is worse than unknown, unknown is worse than true. */
function worstExact(reports: readonly Report[]): ObservedVerdict['exact'] {
  const wrong = reports.find(({ verdict }) => verdict?.exact === false)?.verdict;
  if (wrong !== undefined) return { status: 'False', reason: wrong.reason, message: wrong.message };
  const silent = reports.find(({ verdict }) => verdict === undefined);
  if (silent !== undefined) {
    return { status: 'Unknown', reason: 'NotReported', message: `aggregator ${silent.pod} ${silent.problem}` };
  }
  const unsure = reports.find(({ verdict }) => verdict?.exact === null)?.verdict;
  if (unsure !== undefined) return { status: 'Unknown', reason: unsure.reason, message: unsure.message };
  const right = reports[0]?.verdict;
  if (right === undefined) {
    return {
      status: 'Unknown',
      reason: 'NoReadyAggregator',
      message: 'no aggregator is ready, so it is not known whether the total is exact',
    };
  }
  return { status: 'True', reason: right.reason, message: right.message };
}

function worstHealth(healths: readonly Health[]): Health | undefined {
  // An aggregator that has not checked yet reports reason Unknown. Prefer the result of an aggregator that has checked.
  const looked = healths.filter(({ reason }) => reason !== 'Unknown');
  return looked.find(({ ok }) => !ok) ?? looked[0] ?? healths[0];
}
