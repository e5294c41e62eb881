import { labelKeys } from '#contract/labels.ts';
import type { KubeObject } from '#kube/client/object.ts';
import type { PipelineObject } from './resources.ts';

/** Index of children and pods by `namespace/name` of their pipeline. */
export const byPipeline = 'pipeline';
/** Index of pipelines by `namespace/name` of the Strimzi Kafka that they use. */
export const byKafka = 'kafka';

/** `namespace/name` of the pipeline that an object belongs to, from its labels. */
export function pipelineKeysOf(object: KubeObject): readonly string[] {
  const labels = object.metadata.labels ?? {};
  const [namespace, name] = [labels[labelKeys.namespace], labels[labelKeys.name]];
  return namespace === undefined || name === undefined ? [] : [`${namespace}/${name}`];
}

/**
 * `namespace/name` of the Strimzi Kafka that a pipeline names. The object is not parsed yet, so every step is checked.
 */
export function kafkaKeysOf(object: PipelineObject): readonly string[] {
  const cluster = field(field(field(object, 'spec'), 'kafka'), 'cluster');
  const name = field(cluster, 'name');
  const namespace = field(cluster, 'namespace') ?? object.metadata.namespace;
  return typeof name === 'string' && typeof namespace === 'string' ? [`${namespace}/${name}`] : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
