import { type Component, childName, components } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { ownership } from '#operator/desired/childKinds.ts';
import { refOf } from '#operator/desired/identity.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { scalersOf } from '#operator/observe/scaler.ts';
import { replicasOf } from '#operator/plan/action.ts';
import { isStopped } from './stopped.ts';

/**
 * Returns the replicas to write, by name of Deployment. The replicas of other Deployments are not written. Two writers
 * of one number would overwrite each other, so there is at most one writer:
 *
 * - If the spec sets `replicas`, we write the number when no autoscaler of the Deployment exists any more.
 * - If the spec sets `autoscaling`, the autoscaler writes the number. An HPA is disabled at 0, so we raise a
 *   Deployment from 0 to the minimum before the HPA exists. If a user scales to 0 later, the number stays 0.
 * - If the spec sets neither field, we do not write the number.
 *
 * One exception: if the operator itself stopped a Deployment (stopped.ts), the operator raises the number from 0 to
 * the minimum, or to 1 if there is no minimum.
 */
export function wantedReplicas(pipeline: SumPipeline, live: readonly LiveChild[]): Record<string, number> {
  return Object.fromEntries(
    components.flatMap((component) => {
      const name = childName.workload(refOf(pipeline), component);
      const wanted = wantedOf(pipeline, component, live, name);
      return wanted === undefined ? [] : [[name, wanted]];
    }),
  );
}

function wantedOf(
  pipeline: SumPipeline,
  component: Component,
  live: readonly LiveChild[],
  name: string,
): number | undefined {
  const { replicas } = pipeline.spec[component];
  const isScaled = scalersOf(live, name).length > 0;
  if (replicas !== undefined) return isScaled ? undefined : replicas;
  const min = autoscaledFrom(pipeline, component);
  const deployment = live.find((child) => child.kind === ownership.deployment.kind && child.metadata.name === name);
  if (deployment === undefined || replicasOf(deployment) !== 0) return undefined;
  // Raise the number even if the HPA exists: the HPA is disabled at 0 replicas, so it writes nothing.
  if (isStopped(deployment)) return min ?? 1;
  return isScaled ? undefined : min;
}

/** Returns the minimum if an autoscaler of ours writes the number. Undefined otherwise. */
function autoscaledFrom({ spec }: SumPipeline, component: Component): number | undefined {
  if (component === 'calculator') return spec.calculator.autoscaling?.min;
  const { autoscaling } = spec.aggregator;
  return autoscaling === undefined || autoscaling.mode === 'recommend' ? undefined : autoscaling.min;
}
