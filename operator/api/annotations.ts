import { apiGroup } from '#contract/names.ts';

/** Annotations that users or the operator write. */
export const annotations = {
  /** On a Strimzi Kafka: namespaces whose pipelines may use it, comma-separated, or `*`. */
  allowedNamespaces: `${apiGroup}/allowed-namespaces`,
  /** On a SumPipeline, by the operator: children without an ownerReference, as JSON. */
  inventory: `${apiGroup}/inventory`,
} as const;

/** Keeps a deleted SumPipeline until its KafkaTopic is released. Set only on pipelines with a KafkaTopic. */
export const topicFinalizer = `${apiGroup}/topic`;
