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

/** What the rules of one pipeline depend on. */
export interface ScalingRulesInput {
  readonly ref: PipelineRef;
  readonly topic: string;
  readonly aggregator:
    | {
        readonly min: number;
        /** If undefined, as many as the topic has partitions. */
        readonly max: number | undefined;
        /** Time in which the lag should be counted, in seconds. */
        readonly drainSeconds: number;
        /** Share of the capacity that steady load may use, in percent. */
        readonly utilisationPercent: number;
        /** Records per second of one aggregator, until it was measured. */
        readonly capacityHint: number;
        /** Scale-down window in seconds: the largest number computed within it counts. */
        readonly scaleDownWindowSeconds: number;
        /** Partitions of the spec; if undefined, only Prometheus knows the number. */
        readonly partitions: number | undefined;
        /** If false, an HPA of this cluster ignores differences of 10 %. */
        readonly hasTolerance: boolean;
      }
    | undefined;
  readonly scalesCalculators: boolean;
}

/** Samples that fill the two minutes which the rates and holds look back, less one for a late evaluation. */
const fullWindowSamples = (2 * 60) / intervalSeconds - 1;
/** Time without counting at a rebalance, until one was measured. */
const pauseDefaultSeconds = 5;
/** Busy time that makes a measured capacity more than noise. */
const busySecondsMin = 5;
/** A step up that raises what is counted by less than this share did not help. */
const stepGainMin = 0.1;
/** Time for which more must be wanted before the number is raised: then the rates cover most of a minute. */
const steadySeconds = 45;
/** A rate of one minute and a late evaluation: time after a change until the computed number has settled. */
const slopeSeconds = 75;
/** A shorter window would see only the slope, and never the end of the slope. */
const scaleDownWindowMin = slopeSeconds + 2 * intervalSeconds;
/** A partition is hot when it needs more than this multiple of the mean. Load that is high everywhere is not hot. */
const hotTimesMean = 1.5;

/**
 * The recording rules that turn metrics of the data plane into the number of aggregators wanted; docs/autoscaling.md
 * explains each. What is not known is absent, never 0: an HPA holds on an absent metric and scales in on 0.
 */
export function buildScalingRules(input: ScalingRulesInput): RuleGroup[] {
  const { ref, aggregator, scalesCalculators } = input;
  const record = recorderOf(ref);
  const select = selectorsOf(ref);
  return [
    ...(aggregator === undefined
      ? []
      : [
          // One group: groups run in parallel, so one group would read values that another recorded an interval ago.
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
/** Where each partition ends, how far it is counted, and which partitions are load. */
function lagRules({ metric, own }: Selectors, record: Recorder, topic: string): Rule[] {
  const exporter = `kafka_topic_partition_current_offset{topic="${topic}"}`;
  const moves = `max by (partition) (${metric('sumpipeline_next_offset')} >= 0)`;
  const lag = own(series.partitionLag);
  return [
    // The Kafka Exporter of Strimzi says -1 for what it does not know; the filter drops that, and NaN.
    record(
      series.partitionLogEnd,
      `max by (partition) (${metric('sumpipeline_log_end_offset')} >= 0) or max by (partition) (${exporter} >= 0)`,
    ),
    record(series.partitionOwners, `count by (partition) (${metric('sumpipeline_next_offset')})`),
    // Its own last value is kept while no aggregator runs.
    record(
      series.partitionNextOffset,
      `${moves} or max by (partition) (last_over_time(${own(series.partitionNextOffset)}[1d]))`,
    ),
    record(series.partitionLag, `clamp_min(${own(series.partitionLogEnd)} - ${own(series.partitionNextOffset)}, 0)`),
    // Per pod first: a maximum over pods may fall by a little when one goes, and a rate takes that for a new log.
    record(
      series.partitionIncoming,
      `max by (partition) (rate(${metric('sumpipeline_log_end_offset')}[1m])) or max by (partition) (rate(${exporter}[1m]))`,
    ),
    // Five minutes of lag under an owner without a step: stuck. Without an owner it is lag like any other.
    record(
      series.partitionExcluded,
      `max by (partition) (${metric('sumpipeline_partition_halted')}) > 0 or max by (partition) (` +
        `changes(${own(series.partitionNextOffset)}[5m]) == 0 and min_over_time(${lag}[5m]) > 0 ` +
        `and count_over_time(${own(series.partitionOwners)}[5m]) >= ${(5 * 60) / intervalSeconds - 1}) + 1`,
    ),
    // Partitions never become fewer: one whose end is not known for a moment still counts.
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

/** The capacity of one aggregator, and how many aggregators the work needs. */
function demandRules({ metric, own, one }: Selectors, record: Recorder, input: AggregatorInput): Rule[] {
  const { drainSeconds, utilisationPercent, capacityHint } = input;
  const busy = (offset = '') => `sum(increase(${metric('sumpipeline_backlogged_seconds_total')}[5m]${offset}))`;
  // When a backlog leaves the window, what is left of it is a sample that shrinks, and says little: the value before
  // counts.
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
    // The pause of a rebalance shortens the time to drain.
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
    // A partition has one reader, so it can ask for one replica at most: a hot one must not cause a step that cannot
    // help.
    record(
      series.replicasForIncoming,
      `sum(clamp_max(${own(series.partitionReplicasForIncoming)}, 1)) or ${partitions} * 0`,
    ),
    record(
      series.replicasForLag,
      `sum(clamp_max(${own(series.partitionReplicas)}, 1)) - ${one(series.replicasForIncoming)} or ${partitions} * 0`,
    ),
    // k partitions for each replica: 7 replicas of 12 partitions are no better than 6. k = 0 gives the partitions.
    record(
      series.computed,
      bounded(dropUnreachable(`ceil(${partitions} / floor(${partitions} / ${raw}))`, input), input, partitions),
    ),
  ];
}

/** Without tolerance 0 a rung within 10 % of another is never reached from it; such rungs are left out. */
function dropUnreachable(expr: string, { hasTolerance, partitions }: AggregatorInput): string {
  if (hasTolerance || partitions === undefined) return expr;
  return rungStepExpression(expr, reachableRungs(partitions));
}

/** From min to max, and never above the partitions; absent while these are. */
function bounded(expr: string, { min, max }: AggregatorInput, partitions: string): string {
  const upper = max === undefined ? expr : `clamp_max(${expr}, ${max})`;
  return `(clamp_max(clamp_min(${upper}, ${min}), scalar(${partitions})) and on () ${partitions})`;
}

/** Conditions for keeping the present number although another one was computed. */
function holdRules({ metric, own, one }: Selectors, record: Recorder, input: AggregatorInput): Rule[] {
  const { min, drainSeconds } = input;
  const partitions = one(series.partitions);
  const pods = `count(${metric('sumpipeline_assigned_partitions')})`;
  const owned = `sum(${metric('sumpipeline_owned_partitions')})`;
  const halted = `(count(${metric('sumpipeline_partition_halted')} > 0) or vector(0))`;
  const idle = `(count(${metric('sumpipeline_owned_partitions')} == 0) or vector(0))`;
  const before = `max(last_over_time(${own(series.desired)}[1h]))`;
  // Before the first number the running pods count; without pods, the minimum.
  const present = bounded(`(${before} or ${pods} or vector(${min}))`, input, partitions);
  const { lag, incoming, counted } = {
    lag: one(series.lag),
    incoming: one(series.incoming),
    counted: one(series.counted),
  };
  // The offset of a partition that was halted before Prometheus saw the partition is not known, and is not needed.
  const isKnown = `count(${own(series.partitionLag)} or ${own(series.partitionExcluded)})`;
  const isComplete = `${isKnown} >= ${partitions}`;
  const computed = one(series.computed);
  const drainsInTime = `(${lag} / ((${counted} - ${incoming}) > 0.05 * ${incoming})) <= ${drainSeconds}`;
  const isInHand = `${lag} <= ${lagInHand({ one })}`;
  // The lag of a hot partition says nothing about the database: no step can help it.
  const isWithoutHot =
    `(sum(${own(series.partitionLag)} unless ${own(series.partitionExcluded)} unless ${own(series.partitionHot)}) or vector(0)) ` +
    `<= ${lagInHand({ one })}`;
  const wasRaised = `max(${own(series.desired)}) > max(${own(series.desired)} offset ${2 * intervalSeconds}s)`;
  const steppedUp = `${before} > min(min_over_time(${own(series.desired)}[15m]))`;
  const gainedNothing = `${counted} <= ${1 + stepGainMin} * ${one(series.countedBeforeStep)}`;
  // The time until the rates show the effect of the last step.
  const isSettled = `(min(min_over_time(${own(series.settled)}[2m])) == 1)`;
  const wasIneffective = `max(last_over_time(${own(series.ineffective)}[1m])) > 0`;
  // A sawtooth round a rung changes nothing: the largest number of the window counts on the way down.
  const window = Math.max(input.scaleDownWindowSeconds, scaleDownWindowMin);
  const largest = (seconds: number) => `max(max_over_time(${own(series.computed)}[${seconds}s]))`;
  const eased = largest(window);
  // While the window still begins on a slope, each evaluation would take one more step down it: one step at its foot.
  const isLevel = `${eased} == ${largest(window - slopeSeconds)}`;
  // After a gap the window has to be seen again as a whole, or what was not seen would count as no load.
  const isSeen = `max(count_over_time(${own(series.computed)}[${window}s])) >= ${Math.floor(window / intervalSeconds) - 1}`;
  // A rate that covers half of a step would want half of the step, and the rest would be a second step.
  const steady = `min(min_over_time(${own(series.computed)}[${steadySeconds}s]))`;
  return [
    // Pods that start, roll, drain or join: not every partition is owned, or a pod has no partition although there are
    // enough.
    record(
      series.settled,
      `(${owned} + ${halted} >= bool ${partitions}) * (${idle} <= bool clamp_min(${pods} - ${partitions}, 0)) ` +
        `* (${pods} >= bool (${before} or ${pods})) * (${isKnown} >= bool ${partitions}) or ${partitions} * 0`,
    ),
    record(
      series.countedBeforeStep,
      `(${counted} and on () (${wasRaised})) or max(last_over_time(${own(series.countedBeforeStep)}[1d]))`,
    ),
    // Work waits, more aggregators are at work than before, and no more is counted. Kept while lag remains, otherwise
    // another step would be tried without effect every quarter of an hour. Cleared when more is counted after all.
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
        // After a gap every window has to fill again before a number is recorded.
        `and on () (count_over_time(${own(series.partitions)}[2m]) >= ${fullWindowSamples}) and on () ${partitions}`,
    ),
  ];
}

/** Absent while one calculator cannot be read: a sum without it would scale in. */
function inFlight({ metric, up }: Selectors): string {
  return `sum(${metric('sumpipeline_calculator_queue_additions')}) unless on () (count(${up('calculator')} == 0) > 0)`;
}
