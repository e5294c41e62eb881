import { z } from 'zod';
import { withRules } from './schema.ts';

/** More replicas than any topic we manage has partitions would idle. */
const replicasMax = 1024;

function minimum(pods: string, why: string) {
  return withRules(z.int32().min(0).max(replicasMax), {
    rule: 'self >= 1',
    message: `must be at least 1: ${why}`,
    holds: (self) => self >= 1,
  })
    .default(1)
    .describe(`Fewest ${pods}.`);
}

function stabilization(seconds: number, what: string) {
  return z
    .object({
      stabilizationWindowSeconds: z.int32().min(0).max(3600).default(seconds).describe(what),
    })
    .describe('One direction.')
    .prefault({});
}

function behavior() {
  return z
    .object({
      scaleUp: stabilization(15, 'For this long the smallest number wanted counts, before pods are added.'),
      scaleDown: stabilization(300, 'For this long the largest number wanted counts, before pods are removed.'),
    })
    .describe('How fast the number follows what is wanted.')
    .prefault({});
}

const minNotAboveMax = {
  rule: '!has(self.max) || self.min <= self.max',
  message: 'must not exceed max',
  fieldPath: '.min',
  holds: (self: { min: number; max?: number | undefined }) => self.max === undefined || self.min <= self.max,
};

/** The aggregators scale on Kafka lag: see docs/autoscaling.md. */
export const aggregatorAutoscaling = withRules(
  z.object({
    mode: z
      .enum(['hpa', 'keda', 'recommend'])
      .default('hpa')
      .describe(
        'Who scales. hpa: a HorizontalPodAutoscaler on an external metric, which prometheus-adapter serves. keda: a ScaledObject with a prometheus trigger. recommend: nothing is scaled; the number is recorded in Prometheus and shown by sumctl status.',
      ),
    min: minimum('aggregators', 'without an aggregator nothing is counted, and an HPA is disabled at 0'),
    max: z
      .int32()
      .min(1)
      .max(replicasMax)
      .describe('Most aggregators. Unset: as many as the topic has partitions, because a partition has one reader.')
      .optional(),
    drainSeconds: z
      .int32()
      .min(10)
      .max(86_400)
      .default(60)
      .describe('Within this time the lag should be counted, once the aggregators are ready.'),
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
      .describe('Records per second that one aggregator counts, until it was measured under load.'),
    behavior: behavior(),
    prometheus: z
      .object({
        serverAddress: z
          .string()
          .max(512)
          .regex(/^https?:\/\/[^\s]+$/, 'must be a URL such as http://prometheus.monitoring.svc:9090')
          .describe('URL of the Prometheus that KEDA asks, e.g. http://prometheus.monitoring.svc:9090.'),
      })
      .describe('For mode keda.')
      .optional(),
  }),
  minNotAboveMax,
  {
    rule: "self.mode != 'keda' || has(self.prometheus)",
    reason: 'FieldValueRequired',
    message: 'mode keda needs it: KEDA asks Prometheus itself',
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

/** The calculators scale on additions in flight, and on CPU where the cluster measures it. */
export const calculatorAutoscaling = withRules(
  z.object({
    min: minimum('calculators', 'without a calculator nothing is added, and an HPA is disabled at 0'),
    max: z.int32().min(1).max(replicasMax).describe('Most calculators.'),
    inFlight: z
      .int32()
      .min(1)
      .max(10_000)
      .default(64)
      .describe('Additions waiting for or in a write to Kafka that one calculator should have.'),
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
