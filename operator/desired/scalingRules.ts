import type { PipelineRef } from '#contract/names.ts';
import { recordedSeries as series } from '#contract/scaling.ts';
import {
  group,
  intervalSeconds,
  lagInHand,
  type Recorder,
  type Rule,
  type RuleGroup,
  recorderOf,
  type Selectors,
  selectorsOf,
} from './ruleGroup.ts';
import { reachableRungs, rungStepExpression } from './rungs.ts';

/** Settings of a pipeline on which its scaling rules depend. */
export interface ScalingRulesInput {
  readonly ref: PipelineRef;
  readonly topic: string;
  readonly aggregator:
    | {
        readonly min: number;
        /** Maximum number of aggregators. If undefined, the number of partitions is the maximum. */
        readonly max: number | undefined;
        /** Time in which the lag should be counted, in seconds. */
        readonly drainSeconds: number;
        /** Share of the capacity that steady load may use, in percent. */
        readonly utilisationPercent: number;
        /** Records per second that one aggregator counts, used until its capacity was measured. */
        readonly capacityHint: number;
        /** Scale-down window in seconds: the largest number that was computed within the window counts. */
        readonly scaleDownWindowSeconds: number;
        /** Number of partitions in the spec. If undefined, only Prometheus knows the number. */
        readonly partitions: number | undefined;
        /** Whether HPAs of this cluster have the field `tolerance`. If not, they ignore differences of 10 %. */
        readonly hasTolerance: boolean;
      }
    | undefined;
  readonly scalesCalculators: boolean;
}

/**
 * Number of samples with which a window of two minutes counts as full. It is one less than possible, because an
 * evaluation may be late.
 */
const fullWindowSamples = (2 * 60) / intervalSeconds - 1;
/** Assumed time in seconds in which nothing is counted at a rebalance. Used until a rebalance was measured. */
const pauseDefaultSeconds = 5;
/**
 * The capacity is measured only if the aggregators counted a backlog for longer than this, in seconds. A shorter
 * measurement is not reliable.
 */
const busySecondsMin = 5;
/** Minimum gain of a step up. If the counted records per second rose by a smaller share, the step did not help. */
const stepGainMin = 0.1;
/**
 * The computed number must be higher for this time, in seconds, before a step up. The rates look back one minute, so
 * after this time they show most of the new load.
 */
const steadySeconds = 45;
/**
 * After a change of load the computed number changes for this time, in seconds: for 60 s, because rates look back one
 * minute, and for 15 s until the next evaluation.
 */
const slopeSeconds = 75;
/**
 * Minimum scale-down window in seconds. In a shorter window the computed number would still change when the window
 * ends.
 */
const scaleDownWindowMin = slopeSeconds + 2 * intervalSeconds;
/**
 * A partition is hot if it needs more replicas than this multiple of the mean of all partitions. If the load is high
 * on all partitions, no partition is hot.
 */
const hotTimesMean = 1.5;

/**
 * Builds the recording rules that compute the wanted number of aggregators from metrics of the data plane.
 * docs/autoscaling.md explains each rule. A value that is not known is absent, never 0: an HPA keeps the number if the
 * metric is absent, and scales in if the metric is 0.
 */
export function buildScalingRules(input: ScalingRulesInput): RuleGroup[] {
  const { ref, aggregator, scalesCalculators } = input;
  const record = recorderOf(ref);
  const select = selectorsOf(ref);
  return [
    ...(aggregator === undefined
      ? []
      : [
          // All rules are in one group. Groups run in parallel, so a rule would read older values of another group.
          group('sumpipeline-scaling', [
            ...lagRules(select, record, input.topic),
            ...demandRules(select, record, aggregator),
            ...holdRules(select, record, aggregator),
          ]),
        ]),
    ...(scalesCalculators ? [group('sumpipeline-calculators', [record(series.inFlight, inFlight(select))])] : []),
  ];
}

type AggregatorInput = NonNullable<ScalingRulesInput['aggregator']>;
/** Rules for each partition: its end, how far it is counted, and whether its lag is load for the aggregators. */
function lagRules({ metric, own }: Selectors, record: Recorder, topic: string): Rule[] {
  const exporter = `kafka_topic_partition_current_offset{topic="${topic}"}`;
  const moves = `max by (partition) (${metric('sumpipeline_next_offset')} >= 0)`;
  const lag = own(series.partitionLag);
  return [
    // The Kafka Exporter of Strimzi exports -1 for an unknown offset. The filter `>= 0` drops -1 and NaN.
    record(
      series.partitionLogEnd,
      `max by (partition) (${metric('sumpipeline_log_end_offset')} >= 0) or max by (partition) (${exporter} >= 0)`,
    ),
    record(series.partitionOwners, `count by (partition) (${metric('sumpipeline_next_offset')})`),
    // While no aggregator runs, the rule keeps the last value that it recorded.
    record(
      series.partitionNextOffset,
      `${moves} or max by (partition) (last_over_time(${own(series.partitionNextOffset)}[1d]))`,
    ),
    record(series.partitionLag, `clamp_min(${own(series.partitionLogEnd)} - ${own(series.partitionNextOffset)}, 0)`),
    // Take the rate of each pod first, then the maximum. A maximum over pods may fall when a pod ends. rate() would
    // count a fall as a restart of the counter.
    record(
      series.partitionIncoming,
      `max by (partition) (rate(${metric('sumpipeline_log_end_offset')}[1m])) or max by (partition) (rate(${exporter}[1m]))`,
    ),
    // A partition is stuck if for five minutes it has an owner, has lag and does not move. A stuck partition is
    // excluded, as a halted partition is. A partition without an owner is not excluded.
    record(
      series.partitionExcluded,
      `max by (partition) (${metric('sumpipeline_partition_halted')}) > 0 or max by (partition) (` +
        `changes(${own(series.partitionNextOffset)}[5m]) == 0 and min_over_time(${lag}[5m]) > 0 ` +
        `and count_over_time(${own(series.partitionOwners)}[5m]) >= ${(5 * 60) / intervalSeconds - 1}) + 1`,
    ),
    // A topic never loses partitions. So a partition whose end is not known for a moment still counts.
    record(
      series.partitions,
      `max(count(${own(series.partitionLogEnd)}) or max_over_time(${own(series.partitions)}[1h])) ` +
        `unless on () (absent(${own(series.partitionLogEnd)}))`,
    ),
    record(series.lag, `sum(${lag} unless ${own(series.partitionExcluded)}) or sum(${lag}) * 0`),
    record(
      series.incoming,
      `sum(${own(series.partitionIncoming)} unless ${own(series.partitionExcluded)}) or sum(${own(series.partitionIncoming)}) * 0`,
    ),
    record(series.counted, `sum(max by (partition) (rate(${metric('sumpipeline_next_offset')}[1m])))`),
  ];
}

/** Rules for the capacity of one aggregator, and for the number of aggregators that the load needs. */
function demandRules({ metric, own, one }: Selectors, record: Recorder, input: AggregatorInput): Rule[] {
  const { drainSeconds, utilisationPercent, capacityHint } = input;
  const busy = (offset = '') => `sum(increase(${metric('sumpipeline_backlogged_seconds_total')}[5m]${offset}))`;
  // Measure only while the busy time in the window grows. When a backlog leaves the window, only its last seconds are
  // in the window, and they are not a reliable sample. The rule for the capacity then uses the last measured value.
  const isGrowing = `(${busy()} > ${busySecondsMin}) >= ${busy(` offset ${intervalSeconds}s`)}`;
  const records = `sum(increase(${metric('sumpipeline_backlogged_records_total')}[5m]))`;
  const pauses = `sum(increase(${metric('sumpipeline_rebalance_duration_seconds_count')}[1d]))`;
  const paused = `sum(increase(${metric('sumpipeline_rebalance_duration_seconds_sum')}[1d]))`;
  const partitions = one(series.partitions);
  const raw = `(${one(series.replicasForIncoming)} + ${one(series.replicasForLag)})`;
  const isLoad = `unless ${own(series.partitionExcluded)}`;
  return [
    record(series.capacityMeasured, `${records} / (${isGrowing}) > 0`),
    record(
      series.capacity,
      `${one(series.capacityMeasured)} or max(last_over_time(${own(series.capacityMeasured)}[7d])) or vector(${capacityHint})`,
    ),
    record(series.pause, `${paused} / (${pauses} > 0) or vector(${pauseDefaultSeconds})`),
    record(
      series.partitionReplicasForIncoming,
      `(${own(series.partitionIncoming)} ${isLoad}) / ${utilisationPercent / 100} / on () group_left () ${one(series.capacity)}`,
    ),
    // A rebalance pauses counting, so less than drainSeconds is left to count the lag.
    record(
      series.partitionReplicas,
      `(${own(series.partitionLag)} ${isLoad}) / ${drainSeconds} ` +
        `* on () group_left () (1 + ${one(series.pause)} / ${drainSeconds}) / on () group_left () ${one(series.capacity)} ` +
        `+ (${own(series.partitionReplicasForIncoming)} or ${own(series.partitionLag)} * 0)`,
    ),
    record(
      series.partitionHot,
      `(${own(series.partitionReplicas)} > 1 and on (partition) ` +
        `${own(series.partitionReplicas)} > on () group_left () (${hotTimesMean} * avg(${own(series.partitionReplicas)}))) * 0 + 1`,
    ),
    // A partition has one reader, so it asks for one replica at most. More replicas cannot help a hot partition.
    record(
      series.replicasForIncoming,
      `sum(clamp_max(${own(series.partitionReplicasForIncoming)}, 1)) or ${partitions} * 0`,
    ),
    record(
      series.replicasForLag,
      `sum(clamp_max(${own(series.partitionReplicas)}, 1)) - ${one(series.replicasForIncoming)} or ${partitions} * 0`,
    ),
    // Use only useful numbers of replicas (rungs.ts): for 12 partitions 7 replicas are not better than 6. `floor` gives
    // the number of partitions of each replica. If it is 0, the result is infinite, and `bounded` limits it to the
    // number of partitions.
    record(
      series.computed,
      bounded(dropUnreachable(`ceil(${partitions} / floor(${partitions} / ${raw}))`, input), input, partitions),
    ),
  ];
}

/**
 * If HPAs have no `tolerance`, leaves out numbers of replicas (rungs) within 10 % of another rung: an HPA would ignore
 * the step between the two.
 */
function dropUnreachable(expr: string, { hasTolerance, partitions }: AggregatorInput): string {
  if (hasTolerance || partitions === undefined) return expr;
  return rungStepExpression(expr, reachableRungs(partitions));
}

/**
 * Limits the number by min, max and partitions. While the number of partitions is not known, the result has no value.
 */
function bounded(expr: string, { min, max }: AggregatorInput, partitions: string): string {
  const upper = max === undefined ? expr : `clamp_max(${expr}, ${max})`;
  return `(clamp_max(clamp_min(${upper}, ${min}), scalar(${partitions})) and on () ${partitions})`;
}

/** Rules for the wanted number: when it follows the computed number, and when the present number is kept. */
function holdRules({ metric, own, one }: Selectors, record: Recorder, input: AggregatorInput): Rule[] {
  const { min, drainSeconds } = input;
  const partitions = one(series.partitions);
  const pods = `count(${metric('sumpipeline_assigned_partitions')})`;
  const owned = `sum(${metric('sumpipeline_owned_partitions')})`;
  const halted = `(count(${metric('sumpipeline_partition_halted')} > 0) or vector(0))`;
  const idle = `(count(${metric('sumpipeline_owned_partitions')} == 0) or vector(0))`;
  const before = `max(last_over_time(${own(series.desired)}[1h]))`;
  // The present number is the last recorded number. Before a number is recorded, it is the number of running pods, or
  // min if no pod runs.
  const present = bounded(`(${before} or ${pods} or vector(${min}))`, input, partitions);
  const { lag, incoming, counted } = {
    lag: one(series.lag),
    incoming: one(series.incoming),
    counted: one(series.counted),
  };
  // Prometheus may not know the offset of a halted partition. It is not needed, because the partition is excluded.
  const isKnown = `count(${own(series.partitionLag)} or ${own(series.partitionExcluded)})`;
  const isComplete = `${isKnown} >= ${partitions}`;
  const computed = one(series.computed);
  const drainsInTime = `(${lag} / ((${counted} - ${incoming}) > 0.05 * ${incoming})) <= ${drainSeconds}`;
  const isInHand = `${lag} <= ${lagInHand({ one })}`;
  // The lag of a hot partition does not show that the database is at its limit: no step can help a hot partition.
  const isWithoutHot =
    `(sum(${own(series.partitionLag)} unless ${own(series.partitionExcluded)} unless ${own(series.partitionHot)}) or vector(0)) ` +
    `<= ${lagInHand({ one })}`;
  const wasRaised = `max(${own(series.desired)}) > max(${own(series.desired)} offset ${2 * intervalSeconds}s)`;
  const steppedUp = `${before} > min(min_over_time(${own(series.desired)}[15m]))`;
  const gainedNothing = `${counted} <= ${1 + stepGainMin} * ${one(series.countedBeforeStep)}`;
  // Decide about the next step only two minutes after the last step, when the rates show the effect of that step.
  const isSettled = `(min(min_over_time(${own(series.settled)}[2m])) == 1)`;
  const wasIneffective = `max(last_over_time(${own(series.ineffective)}[1m])) > 0`;
  // For a step down use the largest computed number of the window. So load that goes up and down around the same value
  // changes nothing.
  const window = Math.max(input.scaleDownWindowSeconds, scaleDownWindowMin);
  const largest = (seconds: number) => `max(max_over_time(${own(series.computed)}[${seconds}s]))`;
  const eased = largest(window);
  // While the oldest part of the window still shows falling load, each evaluation would make one more step down. Wait
  // until the load is level, so that one step is enough.
  const isLevel = `${eased} == ${largest(window - slopeSeconds)}`;
  // After a gap in the samples wait for a full window again. Time without samples must not count as time without load.
  const isSeen = `max(count_over_time(${own(series.computed)}[${window}s])) >= ${Math.floor(window / intervalSeconds) - 1}`;
  // Wait until the rates cover the whole rise of the load. Otherwise the number would rise in two steps instead of
  // one.
  const steady = `min(min_over_time(${own(series.computed)}[${steadySeconds}s]))`;
  return [
    // The value is 0 while pods start, are replaced, drain or join: a partition has no owner, or a pod has no partition
    // although there are enough partitions. Otherwise it is 1.
    record(
      series.settled,
      `(${owned} + ${halted} >= bool ${partitions}) * (${idle} <= bool clamp_min(${pods} - ${partitions}, 0)) ` +
        `* (${pods} >= bool (${before} or ${pods})) * (${isKnown} >= bool ${partitions}) or ${partitions} * 0`,
    ),
    record(
      series.countedBeforeStep,
      `(${counted} and on () (${wasRaised})) or max(last_over_time(${own(series.countedBeforeStep)}[1d]))`,
    ),
    // The value is 1 if lag remains and more aggregators do not count more records. It stays 1 while lag remains:
    // otherwise another step without effect would follow every 15 minutes. It becomes 0 when more records are counted.
    record(
      series.ineffective,
      `(((${steppedUp}) and on () ${isSettled} and on () (${gainedNothing}) or (${wasIneffective}) and on () (${gainedNothing})) ` +
        `unless on () (${isWithoutHot})) * 0 + 1 or ${partitions} * 0`,
    ),
    record(
      series.desired,
      `((${computed} > ${present} and on () (${steady} > ${present}) and on () ${isSettled} ` +
        `unless on () (${drainsInTime}) unless on () (${one(series.ineffective)} == 1)) ` +
        `or (${eased} < ${present} and on () (${isInHand}) and on () (${isComplete}) and on () (${isLevel}) and on () (${isSeen})) or ${present}) ` +
        // After a gap in the samples no number is recorded until the window of two minutes is full again.
        `and on () (count_over_time(${own(series.partitions)}[2m]) >= ${fullWindowSamples}) and on () ${partitions}`,
    ),
  ];
}

/**
 * Returns PromQL for the additions in flight. It has no value while Prometheus cannot scrape a calculator: the sum
 * would be too small, and the HPA would remove calculators.
 */
function inFlight({ metric, up }: Selectors): string {
  return `sum(${metric('sumpipeline_calculator_queue_additions')}) unless on () (count(${up('calculator')} == 0) > 0)`;
}
