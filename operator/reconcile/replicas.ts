import { type Component, childName, components } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { ownership } from '#operator/desired/childKinds.ts';
import { refOf } from '#operator/desired/identity.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { scalersOf } from '#operator/observe/scaler.ts';
import { replicasOf } from '#operator/plan/action.ts';

/**
 * Returns the replicas to write, by name of Deployment. The replicas of other Deployments are not written. Two writers
 * of one number would overwrite each other, so there is at most one writer:
 *
 * - If the spec sets `replicas`, we write the number after every autoscaler of the Deployment is gone.
 * - If the spec sets `autoscaling`, the autoscaler writes. An HPA is disabled at 0, so we raise a Deployment from 0 to
 *   the minimum before the HPA exists. If a user scales to 0 later, the number stays 0.
 * - If the spec sets neither, we do not write. There is one exception: if the last pass stopped the pipeline by writing
 *   0, we write 1 to start it again.
 */
export function wantedReplicas(
  pipeline: SumPipeline,
  live: readonly LiveChild[],
  { wasStopped = false } = {},
): Record<string, number> {
  return Object.fromEntries(
    components.flatMap((component) => {
      const name = childName.workload(refOf(pipeline), component);
      const wanted = wantedOf(pipeline, component, live, name, wasStopped);
      return wanted === undefined ? [] : [[name, wanted]];
    }),
  );
}

function wantedOf(
  pipeline: SumPipeline,
  component: Component,
  live: readonly LiveChild[],
  name: string,
  wasStopped: boolean,
): number | undefined {
  const { replicas } = pipeline.spec[component];
  const isScaled = scalersOf(live, name).length > 0;
  if (replicas !== undefined) return isScaled ? undefined : replicas;
  const min = autoscaledFrom(pipeline, component) ?? (wasStopped ? 1 : undefined);
  if (min === undefined || isScaled) return undefined;
  const deployment = live.find((child) => child.kind === ownership.deployment.kind && child.metadata.name === name);
  return deployment !== undefined && replicasOf(deployment) === 0 ? min : undefined;
}

/** Returns the minimum if an autoscaler of ours writes the number. Undefined otherwise. */
function autoscaledFrom({ spec }: SumPipeline, component: Component): number | undefined {
  if (component === 'calculator') return spec.calculator.autoscaling?.min;
  const { autoscaling } = spec.aggregator;
  return autoscaling === undefined || autoscaling.mode === 'recommend' ? undefined : autoscaling.min;
}
