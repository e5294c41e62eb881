import {
  type Component,
  childName,
  consumerGroup,
  defaultSchema,
  defaultTopic,
  type PipelineRef,
} from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Facts } from './facts.ts';

/**
 * Returns namespace and name of a pipeline. The functions below add the defaults of names that the spec does not set.
 */
export function refOf(pipeline: SumPipeline): PipelineRef {
  return { namespace: pipeline.metadata.namespace, name: pipeline.metadata.name };
}

export function topicOf(pipeline: SumPipeline): string {
  return pipeline.spec.kafka.topic.name ?? defaultTopic(refOf(pipeline));
}

export function groupIdOf(pipeline: SumPipeline): string {
  return consumerGroup(refOf(pipeline));
}

export function schemaOf(pipeline: SumPipeline): string {
  return pipeline.spec.store.postgres.schema ?? defaultSchema(refOf(pipeline));
}

export function imageOf(pipeline: SumPipeline, facts: Facts): string {
  return pipeline.spec.image ?? facts.operatorImage;
}

/** Returns the ServiceAccount of a component's pods: the one that the spec names, otherwise ours. */
export function serviceAccountOf(pipeline: SumPipeline, component: Component): string {
  return pipeline.spec.serviceAccount?.name ?? childName.workload(refOf(pipeline), component);
}

/** Returns the namespace of the Strimzi Kafka. Undefined if the pipeline uses bootstrapServers. */
export function kafkaNamespaceOf(pipeline: SumPipeline): string | undefined {
  const cluster = pipeline.spec.kafka.cluster;
  return cluster === undefined ? undefined : (cluster.namespace ?? pipeline.metadata.namespace);
}

/** Returns the addresses of a component for clients inside the cluster. */
export function endpointsOf(pipeline: SumPipeline, component: Component): { http: string; grpc: string } {
  const host = `${childName.service(refOf(pipeline), component)}.${pipeline.metadata.namespace}.svc`;
  return { http: `http://${host}:${ports.http}`, grpc: `${host}:${ports.grpc}` };
}
