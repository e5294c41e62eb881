/**
 * Times of autoscaling in seconds. They are short, so that a user sees each scaling step within minutes. In the spec
 * their defaults are 60, 15 and 300 s. The recording rules treat a smaller `scaleDownSeconds` as 105 s.
 */
export const windows = { drainSeconds: 20, scaleUpSeconds: 15, scaleDownSeconds: 105 } as const;

/**
 * CPU request and CPU limit of an aggregator. They are small, so that a few thousand records per second need several
 * aggregators, even on a machine with two cores.
 */
const aggregatorCpu = '100m';
/**
 * Capacity of an aggregator in records per second, until the rules have measured the capacity. With the CPU limit above
 * an aggregator counted 2,500 to 2,900 records per second of a large lag.
 */
const capacityHint = 2_000;
const defaultUtilisation = 70;

/**
 * Maximum number of aggregators. If 12 aggregators start at the same time on two busy cores, they miss heartbeats, and
 * the consumer group rebalances for minutes.
 */
const aggregatorsMax = 6;

/** `partitions` means that the only limit is the topic's number of partitions, which may grow. */
export type AggregatorsMax = number | 'partitions';

export interface ScaledSpecOptions {
  readonly max?: AggregatorsMax;
  /** Target utilisation of an aggregator, in percent. */
  readonly utilisation?: number;
  /** Mode `keda`, with the Prometheus at this URL. Default: mode `hpa`. */
  readonly kedaPrometheusUrl?: string;
}

/** Builds the changes of the sample pipeline that turn on autoscaling: monitoring, one calculator, scaling on lag. */
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
