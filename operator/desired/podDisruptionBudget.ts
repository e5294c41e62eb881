import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * One pod at a time. With one replica too: a node must be drainable, and a missing pod loses nothing. Unready
 * pods may always be evicted; otherwise a halted aggregator would block the drain of its node.
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
