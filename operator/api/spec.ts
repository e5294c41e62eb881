import { z } from 'zod';
import { aggregatorAutoscaling, calculatorAutoscaling } from './autoscaling.ts';
import { componentSchema } from './component.ts';
import { kafkaSchema } from './kafka.ts';
import { annotationMap, labelMap, mapList, objectName, withRules } from './schema.ts';
import { storeSchema } from './store.ts';
import { telemetrySchema } from './telemetry.ts';

const serviceAccount = withRules(
  z.object({
    name: objectName()
      .describe('An existing ServiceAccount that all pods use. Unset: the operator creates one for each component.')
      .optional(),
    annotations: annotationMap()
      .describe(
        'Annotations of the ServiceAccounts that the operator creates, e.g. for the workload identity of a cloud provider.',
      )
      .optional(),
  }),
  {
    rule: '!(has(self.name) && has(self.annotations))',
    reason: 'FieldValueForbidden',
    message: 'are for ServiceAccounts that the operator creates: remove them or remove name',
    fieldPath: '.annotations',
    holds: (self) => self.name === undefined || self.annotations === undefined,
  },
).describe('Identity of the pods for Kubernetes and cloud providers.');

interface Bounded {
  readonly autoscaling?: { readonly min: number; readonly max?: number | undefined } | undefined;
}

interface Partitioned {
  readonly topic: { readonly partitions?: number | undefined };
}

export const specSchema = withRules(
  z.object({
    kafka: kafkaSchema,
    store: storeSchema,
    image: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[a-zA-Z0-9][-a-zA-Z0-9._:/@]*$/, 'must be the name of an image')
      .describe("Image of the pods. Unset: the operator's own, so that pipelines follow upgrades of the operator.")
      .optional(),
    imagePullSecrets: mapList(
      z
        .object({ name: objectName().describe('Name of a Secret in the namespace of the pipeline.') })
        .describe('One Secret.'),
      ['name'],
      16,
    )
      .describe('Secrets for pulling the image.')
      .optional(),
    serviceAccount: serviceAccount.optional(),
    calculator: componentSchema('calculator', 1024, calculatorAutoscaling)
      .describe('The calculators: they accept additions and respond when the additions are durably in Kafka.')
      .prefault({}),
    aggregator: componentSchema('aggregator', 1024, aggregatorAutoscaling)
      .describe('The aggregators: they count each addition once and keep the totals in PostgreSQL.')
      .prefault({}),
    monitoring: z
      .object({
        enabled: z
          .boolean()
          .default(false)
          .describe('Create a ServiceMonitor for each component, once the CRD of prometheus-operator is installed.'),
        labels: labelMap()
          .describe('Labels of the ServiceMonitors, so that your Prometheus selects them, e.g. release: prometheus.')
          .optional(),
      })
      .describe('How the pods are monitored.')
      .prefault({}),
    telemetry: telemetrySchema.optional(),
    deletionPolicy: z
      .enum(['Retain'])
      .default('Retain')
      .describe(
        'What happens to the topic and the totals when this resource is deleted. Retain keeps both; applied again, the pipeline resumes exactly.',
      ),
  }),
  {
    rule: '!has(self.aggregator.replicas) || !has(self.kafka.topic.partitions) || self.aggregator.replicas <= self.kafka.topic.partitions',
    message: 'must not exceed kafka.topic.partitions: a partition has one reader, more replicas would idle',
    fieldPath: '.aggregator.replicas',
    holds: ({ aggregator, kafka }) =>
      aggregator.replicas === undefined ||
      kafka.topic.partitions === undefined ||
      aggregator.replicas <= kafka.topic.partitions,
  },
  ...(['min', 'max'] as const).map((bound) => ({
    rule: `!has(self.aggregator.autoscaling) || !has(self.aggregator.autoscaling.${bound}) || !has(self.kafka.topic.partitions) || self.aggregator.autoscaling.${bound} <= self.kafka.topic.partitions`,
    message: 'must not exceed kafka.topic.partitions: a partition has one reader, more aggregators would idle',
    fieldPath: `.aggregator.autoscaling.${bound}`,
    holds: ({ aggregator, kafka }: { aggregator: Bounded; kafka: Partitioned }) =>
      (aggregator.autoscaling?.[bound] ?? 0) <= (kafka.topic.partitions ?? Number.POSITIVE_INFINITY),
  })),
).describe('Desired state of the pipeline.');
