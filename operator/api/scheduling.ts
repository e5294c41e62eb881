import { z } from 'zod';
import { atomicList, boundedMap, labelMap, quantity } from './schema.ts';

/**
 * This file has the parts of a pod that a user may set, in the shape of the Kubernetes API. It lists all their fields.
 * If this file did not check a field, the apply of the Deployment would fail later with a worse error: for an unknown
 * field the API server returns 500.
 */
const labelKey = () => z.string().min(1).max(317);
const labelValue = () => z.string().max(63);

const selectorRequirement = (what: string) =>
  z
    .object({
      key: labelKey().describe(`Key of the ${what}.`),
      operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the key relates to the values.'),
      values: atomicList(labelValue(), 32)
        .describe('Values for In and NotIn; empty for Exists and DoesNotExist.')
        .optional(),
    })
    .describe('One requirement.');

const labelSelector = z.object({
  matchLabels: labelMap().describe('Labels that must be equal.').optional(),
  matchExpressions: atomicList(selectorRequirement('label'), 16)
    .describe('Requirements that must all hold.')
    .optional(),
});

const nodeRequirement = (what: string) =>
  z
    .object({
      key: labelKey().describe(`The ${what} of the node.`),
      operator: z
        .enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'])
        .describe('How the key relates to the values.'),
      values: atomicList(labelValue(), 64)
        .describe('Values for In and NotIn; one integer for Gt and Lt; empty for Exists and DoesNotExist.')
        .optional(),
    })
    .describe('One requirement.');

const nodeSelectorTerm = z
  .object({
    matchExpressions: atomicList(nodeRequirement('label'), 16)
      .describe('Requirements on labels of the node.')
      .optional(),
    matchFields: atomicList(nodeRequirement('field'), 4)
      .describe('Requirements on fields of the node; only metadata.name is supported by Kubernetes.')
      .optional(),
  })
  .describe('Requirements that must all hold.');

const weight = () => z.int32().min(1).max(100).describe('Weight from 1 to 100.');

const nodeAffinity = z.object({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .object({
      nodeSelectorTerms: atomicList(nodeSelectorTerm, 16).min(1).describe('Terms of which one must hold.'),
    })
    .describe('Nodes on which the pods may run.')
    .optional(),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(
    z
      .object({ weight: weight(), preference: nodeSelectorTerm.describe('The preferred nodes.') })
      .describe('One preference.'),
    16,
  )
    .describe('Nodes that are preferred, by weight.')
    .optional(),
});

const podAffinityTerm = z
  .object({
    labelSelector: labelSelector.describe('Selects those pods; no pods when unset.').optional(),
    namespaces: atomicList(z.string().max(63), 32)
      .describe("Namespaces of those pods; the pipeline's own when unset.")
      .optional(),
    namespaceSelector: labelSelector.describe('Namespaces of those pods, by their labels.').optional(),
    topologyKey: labelKey().describe('Label of nodes that defines one topology domain, e.g. kubernetes.io/hostname.'),
    matchLabelKeys: atomicList(labelKey(), 8)
      .describe('Labels whose values are taken from the pod that is being placed and must be equal.')
      .optional(),
    mismatchLabelKeys: atomicList(labelKey(), 8)
      .describe('Labels whose values are taken from the pod that is being placed and must differ.')
      .optional(),
  })
  .describe('Which pods, and which topology domain.');

const podAffinity = (near: string) =>
  z.object({
    requiredDuringSchedulingIgnoredDuringExecution: atomicList(podAffinityTerm, 16)
      .describe(`Pods that must be ${near}.`)
      .optional(),
    preferredDuringSchedulingIgnoredDuringExecution: atomicList(
      z
        .object({ weight: weight(), podAffinityTerm: podAffinityTerm.describe('The pods and the topology domain.') })
        .describe('One preference.'),
      16,
    )
      .describe(`Pods that should be ${near}, by weight.`)
      .optional(),
  });

export const affinitySchema = z.object({
  nodeAffinity: nodeAffinity.describe('Which nodes.').optional(),
  podAffinity: podAffinity('near').describe('Pods to be placed near to.').optional(),
  podAntiAffinity: podAffinity('far').describe('Pods to be placed apart from.').optional(),
});

export const tolerationSchema = z
  .object({
    key: labelKey()
      .describe('Key of the taint. If unset, operator must be Exists, and every taint is tolerated.')
      .optional(),
    operator: z.enum(['Exists', 'Equal']).describe('Equal when unset.').optional(),
    value: labelValue().describe('Value of the taint, for Equal.').optional(),
    effect: z
      .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
      .describe('Effect of the taint; every effect when unset.')
      .optional(),
    tolerationSeconds: z.int32().describe('How long a NoExecute taint is tolerated; forever when unset.').optional(),
  })
  .describe('One taint that is tolerated.');

export const topologySpreadConstraintSchema = z
  .object({
    maxSkew: z.int32().min(1).max(1024).describe('By how many pods topology domains may differ.'),
    topologyKey: labelKey().describe(
      'Label of nodes that defines one topology domain, e.g. topology.kubernetes.io/zone.',
    ),
    whenUnsatisfiable: z
      .enum(['DoNotSchedule', 'ScheduleAnyway'])
      .describe('Whether a pod that cannot be spread waits or is placed anyway.'),
    labelSelector: labelSelector
      .describe('The pods that are spread; those of the same component of the pipeline when unset.')
      .optional(),
    matchLabelKeys: atomicList(labelKey(), 8)
      .describe('Labels whose values are taken from the pod that is being placed, e.g. pod-template-hash.')
      .optional(),
    minDomains: z.int32().min(1).max(1024).describe('Minimum number of topology domains to spread over.').optional(),
    nodeAffinityPolicy: z
      .enum(['Honor', 'Ignore'])
      .describe('Whether nodes that the affinity excludes count.')
      .optional(),
    nodeTaintsPolicy: z
      .enum(['Honor', 'Ignore'])
      .describe('Whether nodes with taints that are not tolerated count.')
      .optional(),
  })
  .describe('One rule of spreading.');

const resourceList = () => boundedMap(quantity(), 16);

export const resourcesSchema = z.object({
  requests: resourceList().describe('What is reserved for each pod, e.g. cpu: 100m, memory: 256Mi.').optional(),
  limits: resourceList().describe('Maximum that each pod may use, e.g. memory: 512Mi.').optional(),
});
