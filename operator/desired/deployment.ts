import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';
import { buildPodTemplate } from './podTemplate.ts';

/**
 * Builds the Deployment of a component, never with `spec.replicas`. If an apply once had that field, the next apply
 * without it would reset the number to 1. So the operator writes the number with another field manager through the
 * subresource `scale`, or does not write it.
 */
export function buildDeployment(pipeline: SumPipeline, facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.deployment, name: childName.workload(ref, component), component },
    {
      spec: {
        selector: { matchLabels: selectorLabels(ref, component) },
        // A new pod that cannot start must not replace a pod that works.
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        revisionHistoryLimit: 3,
        template: buildPodTemplate(pipeline, facts, component),
      },
    },
  );
}
