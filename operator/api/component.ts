import { z } from 'zod';
import { apiGroup, type Component } from '#contract/names.ts';
import { affinitySchema, resourcesSchema, tolerationSchema, topologySpreadConstraintSchema } from './scheduling.ts';
import { annotationMap, atomicList, labelMap, mapList, objectName, withRules } from './schema.ts';

/**
 * Label keys that the operator or the Deployment controller writes on pods, except those with the prefix of
 * SumPipeline.
 */
const reservedPodLabels = [
  'app.kubernetes.io/component',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'app.kubernetes.io/name',
  'app.kubernetes.io/part-of',
  'pod-template-hash',
] as const;

const ourPrefix = `${apiGroup}/`;

const podLabels = labelMap({
  rule: `self.all(key, !key.startsWith('${ourPrefix}') && !(key in [${reservedPodLabels.map((key) => `'${key}'`).join(', ')}]))`,
  message: `the operator writes ${ourPrefix}*, ${reservedPodLabels.join(', ')} itself: use other keys`,
  holds: (self) =>
    Object.keys(self).every(
      (key) => !key.startsWith(ourPrefix) && !reservedPodLabels.some((reserved) => reserved === key),
    ),
});

const podAnnotations = annotationMap({
  rule: `self.all(key, !key.startsWith('${ourPrefix}'))`,
  message: `the operator writes ${ourPrefix}* itself: use other keys`,
  holds: (self) => Object.keys(self).every((key) => !key.startsWith(ourPrefix)),
});

const podTemplate = z.object({
  labels: podLabels.describe('Further labels of the pods.').optional(),
  annotations: podAnnotations.describe('Further annotations of the pods.').optional(),
  nodeSelector: labelMap().describe('Labels that a node must have to run the pods.').optional(),
  tolerations: atomicList(tolerationSchema, 32).describe('Taints of nodes that the pods tolerate.').optional(),
  affinity: affinitySchema.describe('Affinity and anti-affinity rules for placing the pods.').optional(),
  // A map list as in Kubernetes: two entries with the same keys would make the apply of the Deployment fail.
  topologySpreadConstraints: mapList(topologySpreadConstraintSchema, ['topologyKey', 'whenUnsatisfiable'], 8)
    .describe('How the pods spread over nodes and zones; over nodes as far as possible when unset.')
    .optional(),
  priorityClassName: objectName().describe('PriorityClass of the pods.').optional(),
});

/** Builds the schema of `spec.calculator` or `spec.aggregator`. They differ only in descriptions and autoscaling. */
export function componentSchema<Autoscaling extends z.ZodType>(
  component: Component,
  replicasMax: number,
  autoscaling: Autoscaling,
) {
  const pods = component === 'calculator' ? 'calculators' : 'aggregators';
  const why =
    component === 'calculator'
      ? 'More calculators take more requests.'
      : 'A partition has one reader, so at most kafka.topic.partitions.';
  return withRules(
    z.object({
      replicas: z
        .int32()
        .min(0)
        .max(replicasMax)
        .optional()
        .describe(
          `Number of ${pods}. ${why} Unset: the operator never writes the number, so autoscaling, kubectl scale or an autoscaler of yours decides.`,
        ),
      autoscaling: autoscaling.optional(),
      resources: resourcesSchema
        .describe(`What each of the ${pods} reserves and may use. Set: replaces the default as a whole.`)
        .optional(),
      podTemplate: podTemplate.describe(`Further settings of the ${pods}' pods.`).optional(),
    }),
    {
      rule: '!(has(self.replicas) && has(self.autoscaling))',
      reason: 'FieldValueForbidden',
      message: 'cannot be set together with autoscaling: remove one of them',
      fieldPath: '.replicas',
      holds: (self) => self.replicas === undefined || self.autoscaling === undefined,
    },
  ).describe(`The ${pods}.`);
}
