import type { Sample } from './ruleScenario.ts';
import { stepSeconds } from './ruleScenario.ts';

/** Input for one step of the modelled pipeline. */
export interface ModelStep {
  /** Records per second that arrive, by partition. */
  readonly incoming: (partition: number) => number;
  /** Number of aggregators that run. */
  readonly pods: number;
  /** Records per second that one aggregator counts. Default: `capacity` of the model. */
  readonly capacity?: number;
  /** Number of pods that run and own no partition yet. Default 0. */
  readonly idle?: number;
  /** Number of partitions without an owner, as during a rebalance. Default 0. */
  readonly unowned?: number;
  /** True if Prometheus records no sample in this step. */
  readonly isDark?: boolean;
  /** True if Prometheus does not scrape the calculators in this step. */
  readonly areCalculatorsDark?: boolean;
  readonly halted?: readonly number[];
  /** Maximum number of records per second that are counted of a partition, by partition. Default: no maximum. */
  readonly slow?: Readonly<Record<number, number>>;
  readonly partitions?: number;
  /** True if the counters of the aggregators begin at 0 again after this step. */
  readonly isReset?: boolean;
  /** Ends of partitions that the calculators export in this step, instead of the true ends. */
  readonly logEnd?: Readonly<Record<number, number>>;
  /** Samples of other series, by full name. */
  readonly extra?: Readonly<Record<string, Sample>>;
}

export interface ModelOptions {
  readonly partitions: number;
  readonly capacity: number;
  readonly step: (step: number) => ModelStep;
  /** Offset of every partition before the first step. */
  readonly startOffset?: number;
}

const labels = 'namespace="shop",pipeline="orders"';

/**
 * Models a pipeline in steps of 15 s. Records arrive, and each aggregator counts its partitions up to its capacity. The
 * result has the samples that the data plane would export in a step. Partitions go to the pods in turn, as the assigner
 * of the consumer group does it.
 */
export function modelPipeline(options: ModelOptions): (step: number) => Record<string, Sample> {
  const { startOffset = 1_000_000 } = options;
  const end = new Map<number, number>();
  const next = new Map<number, number>();
  const backlogged = new Map<number, { records: number; seconds: number }>();
  const samples: Record<string, Sample>[] = [];

  function advance(at: number): Record<string, Sample> {
    const now = options.step(at);
    const partitions = now.partitions ?? options.partitions;
    const capacity = now.capacity ?? options.capacity;
    const { pods, idle = 0, unowned = 0, halted = [], slow = {} } = now;
    const workers = Math.max(0, pods - idle);
    const sample: Record<string, Sample> = {};
    for (let partition = 0; partition < partitions; partition++) {
      end.set(partition, (end.get(partition) ?? startOffset) + now.incoming(partition) * stepSeconds);
      if (!next.has(partition)) next.set(partition, startOffset);
    }
    const ownerOf = (partition: number) =>
      workers === 0 || partition < unowned ? undefined : (partition - unowned) % workers;
    for (let pod = 0; pod < pods; pod++) {
      const own = [...next.keys()].filter((partition) => ownerOf(partition) === pod && !halted.includes(partition));
      let left = capacity * stepSeconds;
      let counted = 0;
      let waited = false;
      const lagOf = (partition: number) => (end.get(partition) ?? 0) - (next.get(partition) ?? 0);
      // Each partition gets a fair share of the capacity. Capacity that a quiet partition does not need goes to the
      // other partitions.
      for (const [index, partition] of own.toSorted((one, other) => lagOf(one) - lagOf(other)).entries()) {
        const lag = lagOf(partition);
        const share = left / (own.length - index);
        const take = Math.min(lag, share, (slow[partition] ?? Number.POSITIVE_INFINITY) * stepSeconds);
        next.set(partition, (next.get(partition) ?? 0) + take);
        left -= take;
        counted += take;
        waited ||= lag - take > 2000;
        sample[`sumpipeline_next_offset{${labels},pod="a${pod}",partition="${partition}"}`] = next.get(partition);
      }
      const sum = backlogged.get(pod) ?? { records: 0, seconds: 0 };
      if (waited && counted > 0)
        backlogged.set(pod, { records: sum.records + counted, seconds: sum.seconds + stepSeconds });
      const total = backlogged.get(pod) ?? sum;
      sample[`sumpipeline_backlogged_records_total{${labels},pod="a${pod}"}`] = total.records;
      sample[`sumpipeline_backlogged_seconds_total{${labels},pod="a${pod}"}`] = total.seconds;
      sample[`sumpipeline_owned_partitions{${labels},pod="a${pod}"}`] = own.length;
      sample[`sumpipeline_assigned_partitions{${labels},pod="a${pod}"}`] = own.length;
      for (const partition of halted.filter((one) => ownerOf(one) === pod)) {
        sample[`sumpipeline_partition_halted{${labels},pod="a${pod}",partition="${partition}"}`] = 1;
      }
    }
    if (now.isReset === true) backlogged.clear();
    if (now.areCalculatorsDark !== true) {
      for (const [partition, offset] of end) {
        sample[`sumpipeline_log_end_offset{${labels},pod="c0",partition="${partition}"}`] =
          now.logEnd?.[partition] ?? offset;
      }
    }
    return now.isDark === true ? {} : { ...sample, ...now.extra };
  }

  return (step) => {
    while (samples.length <= step) samples.push(advance(samples.length));
    return samples[step] ?? {};
  };
}
