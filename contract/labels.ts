import { apiGroup, type Component, type PipelineRef } from './names.ts';

/** Keys of the labels that define which pipeline owns an object. Selectors use only these labels. */
export const labelKeys = {
  namespace: `${apiGroup}/namespace`,
  name: `${apiGroup}/name`,
  component: `${apiGroup}/component`,
} as const;

/** Field managers of the operator. The operator uses `replicas` only to set the number of replicas of a Deployment. */
export const fieldManagers = { operator: 'sumpipeline-operator', replicas: 'sumpipeline-operator-replicas' } as const;

/** Returns the labels that select the pods of a component of a pipeline. */
export function selectorLabels(ref: PipelineRef, component: Component): Record<string, string> {
  return { ...ownerLabels(ref), [labelKeys.component]: component };
}

/** Returns the labels that name the owning pipeline. Every child has them, in any namespace. */
export function ownerLabels(ref: PipelineRef): Record<string, string> {
  return { [labelKeys.namespace]: ref.namespace, [labelKeys.name]: ref.name };
}

/** Returns the recommended labels of Kubernetes, by which users filter. */
export function recommendedLabels(ref: PipelineRef, component?: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'sumpipeline',
    'app.kubernetes.io/instance': ref.name,
    'app.kubernetes.io/managed-by': 'sumpipeline-operator',
    'app.kubernetes.io/part-of': 'sumpipeline',
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}
