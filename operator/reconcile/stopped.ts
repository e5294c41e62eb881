import { annotations } from '#operator/api/annotations.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Child } from '#operator/desired/child.ts';
import { ownership } from '#operator/desired/childKinds.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { replicasOf } from '#operator/plan/action.ts';

/** Returns the pipeline with 0 replicas, and without autoscaling, which would write another number. */
export function withoutPods(pipeline: SumPipeline): SumPipeline {
  const { calculator, aggregator } = pipeline.spec;
  const { autoscaling: _, ...calculators } = calculator;
  const { autoscaling: __, ...aggregators } = aggregator;
  const spec = {
    ...pipeline.spec,
    calculator: { ...calculators, replicas: 0 },
    aggregator: { ...aggregators, replicas: 0 },
  };
  return { ...pipeline, spec };
}

/**
 * Returns the children of a stopped pipeline. A Deployment that does not exist is left out, because a new Deployment
 * begins with one pod. A KafkaTopic that does not exist is left out, because it would change the settings of the topic
 * that the other pipeline counts.
 */
export function withoutNewWork(desired: readonly Child[], live: readonly LiveChild[]): Child[] {
  const kinds: readonly string[] = [ownership.deployment.kind, ownership.kafkaTopic.kind];
  return desired.filter((child) => !kinds.includes(child.object.kind) || findLive(child, live) !== undefined);
}

/**
 * Adds an annotation to the Deployments that the operator stops. A Deployment keeps the annotation until it has pods
 * again: if the write of its replicas fails, the next pass still knows that it must raise the number.
 */
export function markStopped(desired: readonly Child[], live: readonly LiveChild[], isStopping: boolean): Child[] {
  return desired.map((child) => {
    if (child.object.kind !== ownership.deployment.kind) return child;
    const deployment = findLive(child, live);
    if (!isStopping && (deployment === undefined || !isStopped(deployment))) return child;
    const { metadata } = child.object;
    const marked = { ...metadata.annotations, [annotations.stopped]: 'true' };
    return { ...child, object: { ...child.object, metadata: { ...metadata, annotations: marked } } };
  });
}

/** Returns whether the Deployment has 0 replicas because the operator stopped it. */
export function isStopped(deployment: LiveChild): boolean {
  return deployment.metadata.annotations?.[annotations.stopped] === 'true' && replicasOf(deployment) === 0;
}

function findLive({ object }: Child, live: readonly LiveChild[]): LiveChild | undefined {
  return live.find(
    ({ kind, metadata }) =>
      kind === object.kind &&
      metadata.name === object.metadata.name &&
      metadata.namespace === object.metadata.namespace,
  );
}
