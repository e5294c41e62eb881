import { type Component, childName } from '#contract/names.ts';
import type { AggregatorAutoscaling, SumPipeline } from '#operator/api/types.ts';
import { ownership } from './childKinds.ts';
import { refOf } from './identity.ts';

/**
 * Maximum of the autoscaler if the spec has no number of partitions, as for an External topic. The recording rules know
 * the number of partitions and limit the wanted number of replicas to it.
 */
const partitionsMax = 1024;

/** Returns the `scaleTargetRef` of an autoscaler: the Deployment of a component. */
export function scaleTargetOf(pipeline: SumPipeline, component: Component) {
  const { apiVersion, kind } = ownership.deployment;
  return { apiVersion, kind, name: childName.workload(refOf(pipeline), component) };
}

export function aggregatorsMax(pipeline: SumPipeline, autoscaling: AggregatorAutoscaling): number {
  return autoscaling.max ?? pipeline.spec.kafka.topic.partitions ?? partitionsMax;
}
