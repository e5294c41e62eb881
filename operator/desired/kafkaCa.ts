import { mounts } from '#contract/mounts.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';

/**
 * Name of the ConfigMap with the CA that Strimzi publishes. Pods cannot mount Strimzi's Secret from another namespace.
 */
export function kafkaCaName(pipeline: SumPipeline): string {
  return `${pipeline.metadata.name}-kafka-ca`;
}

export function buildKafkaCa(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const { caPem } = facts.kafka;
  if (caPem === undefined) return undefined;
  const options = { owned: ownership.configMap, name: kafkaCaName(pipeline) };
  return childOf(pipeline, options, { data: { [mounts.kafkaCa.file]: caPem } });
}
