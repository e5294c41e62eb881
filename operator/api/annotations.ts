import { apiGroup } from '#contract/names.ts';

/** Keys of annotations that users or the operator write. */
export const annotations = {
  /**
   * A user writes this on a Strimzi Kafka: a comma-separated list of namespaces, or `*` for all namespaces. Pipelines
   * in these namespaces may use the Kafka.
   */
  allowedNamespaces: `${apiGroup}/allowed-namespaces`,
  /** The operator writes this on a SumPipeline: the children without an ownerReference, as JSON. */
  inventory: `${apiGroup}/inventory`,
  /** The operator writes this on a Deployment that it set to 0 replicas, and removes it when pods run again. */
  stopped: `${apiGroup}/stopped`,
} as const;

/** Keeps a deleted SumPipeline until its KafkaTopic is released. Set only on pipelines with a KafkaTopic. */
export const topicFinalizer = `${apiGroup}/topic`;
