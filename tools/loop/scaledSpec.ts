/**
 * Windows small enough that a person sees each step within minutes; production has 60 s, 15 s and 300 s.
 */
export const windows = { drainSeconds: 20, scaleUpSeconds: 15, scaleDownSeconds: 30 } as const;

/**
 * The aggregators get little processor time: a few thousand records per second then need several of them, on a machine
 * with two cores.
 */
const aggregatorCpu = '100m';
/** Measured with this limit: 2,500 to 2,900 records per second under a backlog. The rules measure it themselves. */
const capacityHint = 2_000;
const utilisation = 70;

/** What a pipeline of the loop has beside the sample: monitoring, one calculator, aggregators that scale on lag. */
export function buildScaledSpec(): Readonly<Record<'monitoring' | 'calculator' | 'aggregator', object>> {
  return {
    monitoring: { enabled: true },
    calculator: { replicas: 1 },
    aggregator: {
      autoscaling: {
        mode: 'hpa',
        min: 1,
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
