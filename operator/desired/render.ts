import type { SumPipeline } from '#operator/api/types.ts';
import type { ChildObject } from './child.ts';
import { buildChildren } from './children.ts';
import type { KafkaFacts, OptionalApis } from './facts.ts';
import { kafkaNamespaceOf } from './identity.ts';
import { resolveKafka } from './kafka.ts';

const everyApi: OptionalApis = { strimzi: true, monitoring: true, prometheusRules: true, keda: true };

export interface RenderOptions {
  /** Image of the pods when `spec.image` is unset. */
  readonly image: string;
  /** Optional APIs that count as installed. Default: all of them. */
  readonly apis?: OptionalApis;
}

/**
 * Builds the children without a cluster, in the order in which they are applied. Some values are known only in a
 * cluster: the uid of the owner is left out, and the address and the CA of a Strimzi Kafka are assumed.
 */
export function renderPipeline(pipeline: SumPipeline, options: RenderOptions): ChildObject[] {
  const { image, apis = everyApi } = options;
  const scaling = { knowsTolerance: true, hasTolerance: true, hasResourceMetrics: true };
  const facts = { operatorImage: image, kafka: kafkaOffline(pipeline), apis, scaling };
  return buildChildren(pipeline, facts).map(({ object }) => object);
}

function kafkaOffline(pipeline: SumPipeline): KafkaFacts {
  const { cluster } = pipeline.spec.kafka;
  if (cluster === undefined) {
    const resolved = resolveKafka(pipeline);
    if (resolved.ok) return resolved.kafka;
  }
  // The most likely address in the status of the Kafka: its bootstrap Service with Strimzi's usual port of the
  // listener.
  const isPlain = cluster?.listener === 'plain';
  const host = `${cluster?.name}-kafka-bootstrap.${kafkaNamespaceOf(pipeline)}.svc`;
  const bootstrapServers = [`${host}:${isPlain ? 9092 : 9093}`];
  return { bootstrapServers, tls: !isPlain, ...(isPlain ? {} : { caPem: '# from the status of the Kafka object\n' }) };
}
