import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * Builds the ServiceAccount of a component's pods. The pod template, not the ServiceAccount, decides whether a token
 * is mounted. So pods with a ServiceAccount of the user get a token only if they need it.
 */
export function buildServiceAccount(
  pipeline: SumPipeline,
  _facts: Facts,
  component: Component,
): ChildObject | undefined {
  const { serviceAccount } = pipeline.spec;
  if (serviceAccount?.name !== undefined) return undefined;
  const name = childName.workload(refOf(pipeline), component);
  const options = { owned: ownership.serviceAccount, name, component, annotations: serviceAccount?.annotations };
  return childOf(pipeline, options, { automountServiceAccountToken: false });
}
