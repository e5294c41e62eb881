import { type Component, childName } from '#contract/names.ts';
import type { AggregatorAutoscaling, SumPipeline } from '#operator/api/types.ts';
import { ownership } from './childKinds.ts';
import { refOf } from './identity.ts';

/** The most partitions that a topic of ours may have; the rules know how many an External one has. */
const partitionsMax = 1024;

/** What an autoscaler scales: the Deployment of a component. */
export function scaleTargetOf(pipeline: SumPipeline, component: Component) {
  const { apiVersion, kind } = ownership.deployment;
  return { apiVersion, kind, name: childName.workload(refOf(pipeline), component) };
}

export function aggregatorsMax(pipeline: SumPipeline, autoscaling: AggregatorAutoscaling): number {
  return autoscaling.max ?? pipeline.spec.kafka.topic.partitions ?? partitionsMax;
}
