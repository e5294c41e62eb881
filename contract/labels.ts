import { apiGroup, type Component, type PipelineRef } from './names.ts';

/** These labels define ownership; selectors use only these labels. */
export const labelKeys = {
  namespace: `${apiGroup}/namespace`,
  name: `${apiGroup}/name`,
  component: `${apiGroup}/component`,
} as const;

/** Managers of server-side apply. */
export const fieldManagers = { operator: 'sumpipeline-operator', replicas: 'sumpipeline-operator-replicas' } as const;

/** Labels in the selector of a component of a pipeline. */
export function selectorLabels(ref: PipelineRef, component: Component): Record<string, string> {
  return { ...ownerLabels(ref), [labelKeys.component]: component };
}

/** On every child, in any namespace: the pipeline that owns it. */
export function ownerLabels(ref: PipelineRef): Record<string, string> {
  return { [labelKeys.namespace]: ref.namespace, [labelKeys.name]: ref.name };
}

/** The recommended labels that users filter by. */
export function recommendedLabels(ref: PipelineRef, component?: Component): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'sumpipeline',
    'app.kubernetes.io/instance': ref.name,
    'app.kubernetes.io/managed-by': 'sumpipeline-operator',
    'app.kubernetes.io/part-of': 'sumpipeline',
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}
