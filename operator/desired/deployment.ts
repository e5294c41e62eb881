import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';
import { buildPodTemplate } from './podTemplate.ts';

/**
 * The pods of a component. Never with `spec.replicas`: a manager that owned the number once resets it when it stops, so
 * the number is written through `scale` by a manager of its own, or not at all.
 */
export function buildDeployment(pipeline: SumPipeline, facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.deployment, name: childName.workload(ref, component), component },
    {
      spec: {
        selector: { matchLabels: selectorLabels(ref, component) },
        // A new pod that cannot start must not replace a working one.
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        revisionHistoryLimit: 3,
        template: buildPodTemplate(pipeline, facts, component),
      },
    },
  );
}
