/**
 * Windows so small that each step takes only minutes to watch; production has 60 s, 15 s and 300 s.
 * The scale-down window is the shortest that the rules have.
 */
export const windows = { drainSeconds: 20, scaleUpSeconds: 15, scaleDownSeconds: 105 } as const;

/**
 * The aggregators get little processor time, so that a few thousand records per second need several of them, on a
 * machine with two cores.
 */
const aggregatorCpu = '100m';
/**
 * Measured with this limit: 2,500 to 2,900 records per second under a backlog. The rules measure the capacity
 * themselves.
 */
const capacityHint = 2_000;
const defaultUtilisation = 70;

/** Observed with 12 starting at once on two busy cores: members miss their heartbeats and rebalance for minutes. */
const aggregatorsMax = 6;

/** `partitions`: the only bound is the number of partitions of the topic, which may grow. */
export type AggregatorsMax = number | 'partitions';

export interface ScaledSpecOptions {
  readonly max?: AggregatorsMax;
  /** In percent. */
  readonly utilisation?: number;
  /** Mode `keda`, with the Prometheus at this URL. Default: mode `hpa`. */
  readonly kedaPrometheusUrl?: string;
}

/** The changes to the sample for a pipeline of the loop: monitoring, one calculator, aggregators that scale on lag. */
export function buildScaledSpec({
  max = aggregatorsMax,
  utilisation = defaultUtilisation,
  kedaPrometheusUrl,
}: ScaledSpecOptions = {}): Readonly<Record<'monitoring' | 'calculator' | 'aggregator', object>> {
  return {
    monitoring: { enabled: true },
    calculator: { replicas: 1 },
    aggregator: {
      autoscaling: {
        ...(kedaPrometheusUrl === undefined
          ? { mode: 'hpa' }
          : { mode: 'keda', prometheus: { serverAddress: kedaPrometheusUrl } }),
        min: 1,
        ...(max === 'partitions' ? {} : { max }),
        drainSeconds: windows.drainSeconds,
        utilisation,
        capacityHint,
        behavior: {
          scaleUp: { stabilizationWindowSeconds: windows.scaleUpSeconds },
          scaleDown: { stabilizationWindowSeconds: windows.scaleDownSeconds },
        },
      },
      resources: {
        requests: { cpu: aggregatorCpu, memory: '96Mi' },
        limits: { cpu: aggregatorCpu, memory: '256Mi' },
      },
    },
  };
}
