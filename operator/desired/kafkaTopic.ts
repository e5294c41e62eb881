import { minInSyncReplicas, topicReplicasDefault } from '#operator/api/kafka.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, labelsOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { kafkaNamespaceOf, topicOf } from './identity.ts';
import { retentionMs } from './retention.ts';

/**
 * The log, when Strimzi runs Kafka and the topic is ours. It never carries an ownerReference, not even in our own
 * namespace: garbage collection would delete it, and Strimzi with it the data.
 */
export function buildKafkaTopic(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const { cluster, topic } = pipeline.spec.kafka;
  const namespace = kafkaNamespaceOf(pipeline);
  if (cluster === undefined || namespace === undefined) return undefined;
  if (topic.management !== 'Managed' || !facts.apis.strimzi) return undefined;
  return {
    apiVersion: ownership.kafkaTopic.apiVersion,
    kind: ownership.kafkaTopic.kind,
    metadata: {
      // A topic name may have capitals and underscores, an object name may not. So the object name comes from the
      // pipeline.
      name: `${pipeline.metadata.namespace}.${pipeline.metadata.name}`,
      namespace,
      labels: { ...labelsOf(pipeline), 'strimzi.io/cluster': cluster.name },
    },
    spec: {
      topicName: topicOf(pipeline),
      partitions: topic.partitions,
      replicas: topic.replicas ?? topicReplicasDefault,
      config: {
        ...topic.config,
        // Exactness depends on these: every addition stays, in the order and at the time the broker gave it.
        'cleanup.policy': 'delete',
        // A broker that packs records its own way makes them unreadable for our client (services/eventlog/topic.ts).
        'compression.type': 'producer',
        'message.timestamp.type': 'LogAppendTime',
        'min.insync.replicas': String(minInSyncReplicas(topic)),
        'retention.bytes': '-1',
        'retention.ms': String(retentionMs(topic.retention)),
        'unclean.leader.election.enable': 'false',
      },
    },
  };
}
