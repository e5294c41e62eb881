import { minInSyncReplicas, topicReplicasDefault } from '#operator/api/kafka.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, labelsOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { kafkaNamespaceOf, topicOf } from './identity.ts';
import { retentionMs } from './retention.ts';

/**
 * Builds the KafkaTopic, if Strimzi runs Kafka and the topic is Managed. A KafkaTopic never has an ownerReference,
 * not even in the namespace of the pipeline. Otherwise garbage collection would delete it, and Strimzi would delete
 * the data.
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
      // A topic name may have capitals and underscores, an object name may not. So the object is named like its
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
        // Exactness depends on these settings: every addition stays, with the order and time that the broker gave it.
        'cleanup.policy': 'delete',
        // If a broker compresses records again, our client may not be able to read them (services/eventlog/topic.ts).
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
