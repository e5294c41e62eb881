import { childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { groupOf, ownership, podRights } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf, serviceAccountOf } from './identity.ts';

const component = 'aggregator';

/** Builds the Role that lets the aggregators read and patch only ConfigMap `<name>-proof`. */
export function buildRole(pipeline: SumPipeline, _facts: Facts): ChildObject {
  const ref = refOf(pipeline);
  const { apiGroups, resources, verbs } = podRights;
  return childOf(
    pipeline,
    { owned: ownership.role, name: childName.workload(ref, component), component },
    { rules: [{ apiGroups, resources, resourceNames: [childName.proof(ref)], verbs }] },
  );
}

export function buildRoleBinding(pipeline: SumPipeline, _facts: Facts): ChildObject {
  const name = childName.workload(refOf(pipeline), component);
  const { namespace } = pipeline.metadata;
  return childOf(
    pipeline,
    { owned: ownership.roleBinding, name, component },
    {
      roleRef: { apiGroup: groupOf(ownership.role.apiVersion), kind: ownership.role.kind, name },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountOf(pipeline, component), namespace }],
    },
  );
}
