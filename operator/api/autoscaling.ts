import { z } from 'zod';
import { withRules } from './schema.ts';

/** Maximum number of replicas. It equals the maximum number of partitions: more aggregators would have no partition. */
const replicasMax = 1024;

function minimum(pods: string, why: string) {
  return withRules(z.int32().min(0).max(replicasMax), {
    rule: 'self >= 1',
    message: `must be at least 1: ${why}`,
    holds: (self) => self >= 1,
  })
    .default(1)
    .describe(`Minimum number of ${pods}.`);
}

function stabilization(seconds: number, what: string) {
  return z
    .object({
      stabilizationWindowSeconds: z.int32().min(0).max(3600).default(seconds).describe(what),
    })
    .describe('Settings for one direction of scaling.')
    .prefault({});
}

function behavior() {
  return z
    .object({
      scaleUp: stabilization(
        15,
        'Time in seconds to wait before pods are added: the smallest number wanted in that time is used.',
      ),
      scaleDown: stabilization(
        300,
        'Time in seconds to wait before pods are removed: the largest number wanted in that time is used.',
      ),
    })
    .describe('How fast the number of pods follows the wanted number.')
    .prefault({});
}

const minNotAboveMax = {
  rule: '!has(self.max) || self.min <= self.max',
  message: 'must not exceed max',
  fieldPath: '.min',
  holds: (self: { min: number; max?: number | undefined }) => self.max === undefined || self.min <= self.max,
};

/** `spec.aggregator.autoscaling`. The aggregators scale on Kafka lag: see docs/autoscaling.md. */
export const aggregatorAutoscaling = withRules(
  z.object({
    mode: z
      .enum(['hpa', 'keda', 'recommend'])
      .default('hpa')
      .describe(
        'What scales the aggregators. hpa: a HorizontalPodAutoscaler on an external metric, which prometheus-adapter serves. keda: a ScaledObject with a prometheus trigger. recommend: nothing is scaled; the number is recorded in Prometheus and shown by sumctl status.',
      ),
    min: minimum('aggregators', 'without an aggregator nothing is counted, and an HPA is disabled at 0'),
    max: z
      .int32()
      .min(1)
      .max(replicasMax)
      .describe(
        'Maximum number of aggregators. Unset: as many as the topic has partitions, because a partition has one reader.',
      )
      .optional(),
    drainSeconds: z
      .int32()
      .min(10)
      .max(86_400)
      .default(60)
      .describe('Target time for counting the lag, once the aggregators are ready.'),
    utilisation: z
      .int32()
      .min(10)
      .max(95)
      .default(70)
      .describe('Share of the capacity of an aggregator that steady load may use, in percent.'),
    capacityHint: z
      .int32()
      .min(1)
      .max(10_000_000)
      .default(1000)
      .describe('Assumed records per second of one aggregator, used until its capacity is measured under load.'),
    behavior: behavior(),
    prometheus: z
      .object({
        serverAddress: z
          .string()
          .max(512)
          .regex(/^https?:\/\/[^\s]+$/, 'must be a URL such as http://prometheus.monitoring.svc:9090')
          .describe('URL of the Prometheus that KEDA queries, e.g. http://prometheus.monitoring.svc:9090.'),
      })
      .describe('Settings for mode keda.')
      .optional(),
  }),
  minNotAboveMax,
  {
    rule: "self.mode != 'keda' || has(self.prometheus)",
    reason: 'FieldValueRequired',
    message: 'is required in mode keda: KEDA queries Prometheus itself',
    fieldPath: '.prometheus',
    holds: (self) => self.mode !== 'keda' || self.prometheus !== undefined,
  },
  {
    rule: "self.mode == 'keda' || !has(self.prometheus)",
    reason: 'FieldValueForbidden',
    message: 'is for mode keda: remove it or set mode to keda',
    fieldPath: '.prometheus',
    holds: (self) => self.mode === 'keda' || self.prometheus === undefined,
  },
).describe(
  'Lets the number of aggregators follow the work: lag to count within drainSeconds and records that arrive. Needs monitoring.enabled.',
);

/** `spec.calculator.autoscaling`. Calculators scale on additions in flight, and on CPU if the cluster measures it. */
export const calculatorAutoscaling = withRules(
  z.object({
    min: minimum('calculators', 'without a calculator nothing is added, and an HPA is disabled at 0'),
    max: z.int32().min(1).max(replicasMax).describe('Maximum number of calculators.'),
    inFlight: z
      .int32()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Target number of additions for one calculator that wait for or are in a write to Kafka.'),
    cpuUtilisation: z
      .int32()
      .min(10)
      .max(100)
      .default(80)
      .describe('Share of the requested CPU that a calculator should use, in percent, where metrics.k8s.io is served.'),
    behavior: behavior(),
  }),
  minNotAboveMax,
).describe('Lets the number of calculators follow the load. Needs monitoring.enabled.');
