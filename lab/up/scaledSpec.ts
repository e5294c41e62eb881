/**
 * Short windows, so that each step takes only minutes to watch. Production has 60 s, 15 s and 300 s. The scale-down
 * window is the shortest that the rules allow.
 */
export const windows = { drainSeconds: 20, scaleUpSeconds: 15, scaleDownSeconds: 105 } as const;

/**
 * Processor time of an aggregator. It is small, so that a few thousand records per second need several aggregators,
 * on a machine with two cores.
 */
const aggregatorCpu = '100m';
/**
 * Records per second of an aggregator, until the rules have measured them. 2,500 to 2,900 were measured with this
 * processor time under a backlog.
 */
const capacityHint = 2_000;
const defaultUtilisation = 70;

/**
 * Most aggregators. With 12 that start at once on two busy cores, members miss heartbeats and rebalance for minutes.
 */
const aggregatorsMax = 6;

/** `partitions` means that the only limit is the topic's number of partitions, which may grow. */
export type AggregatorsMax = number | 'partitions';

export interface ScaledSpecOptions {
  readonly max?: AggregatorsMax;
  /** Allowed use of an aggregator, in percent. */
  readonly utilisation?: number;
  /** Mode `keda`, with the Prometheus at this URL. Default: mode `hpa`. */
  readonly kedaPrometheusUrl?: string;
}

/** Builds the changes of the spec that turn on autoscaling in the sample: monitoring, one calculator, scaling on lag. */
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
