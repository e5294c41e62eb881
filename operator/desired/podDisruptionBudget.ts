import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * Builds a budget that lets one pod at a time be evicted, even if it is the only pod: otherwise its node could not be
 * drained. No data is lost while no pod runs. Unready pods may always be evicted. Otherwise a halted aggregator would
 * block the drain of its node.
 */
export function buildPodDisruptionBudget(pipeline: SumPipeline, _facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.podDisruptionBudget, name: childName.workload(ref, component), component },
    {
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: selectorLabels(ref, component) },
      },
    },
  );
}
