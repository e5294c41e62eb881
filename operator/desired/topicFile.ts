import { mounts } from '#contract/mounts.ts';
import { formatTopicSpec } from '#contract/topicSpec.ts';
import { minInSyncReplicas, topicReplicasDefault } from '#operator/api/kafka.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { retentionMs } from './retention.ts';

/**
 * Whether the aggregators create and grow the topic: a Managed topic without Strimzi. They use the Kafka credentials
 * of the pods.
 */
export function isTopicOfAggregators({ spec: { kafka } }: SumPipeline): boolean {
  return kafka.topic.management === 'Managed' && kafka.cluster === undefined;
}

export function topicFileName(pipeline: SumPipeline): string {
  return `${pipeline.metadata.name}-topic`;
}

/**
 * Builds the ConfigMap with the topic that the aggregators create. The pods get it as a file, not as variables: the
 * kubelet updates the file in running pods, so a topic that grows under load restarts no aggregator.
 */
export function buildTopicFile(pipeline: SumPipeline, _facts: Facts): ChildObject | undefined {
  const { partitions, replicas = topicReplicasDefault, retention, config = {} } = pipeline.spec.kafka.topic;
  if (!isTopicOfAggregators(pipeline) || partitions === undefined) return undefined;
  const spec = {
    partitions,
    replicas,
    minInSyncReplicas: minInSyncReplicas(pipeline.spec.kafka.topic),
    retentionMs: retentionMs(retention),
    config,
  };
  const options = { owned: ownership.configMap, name: topicFileName(pipeline), component: 'aggregator' as const };
  return childOf(pipeline, options, { data: { [mounts.topic.file]: formatTopicSpec(spec) } });
}
