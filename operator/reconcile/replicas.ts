import { childName, components } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { refOf } from '#operator/desired/identity.ts';

/** Replicas by name of Deployment. Unset in the spec: absent here, so that the number is never written. */
export function wantedReplicas(pipeline: SumPipeline): Record<string, number> {
  return Object.fromEntries(
    components.flatMap((component) => {
      const { replicas } = pipeline.spec[component];
      return replicas === undefined ? [] : [[childName.workload(refOf(pipeline), component), replicas]];
    }),
  );
}
