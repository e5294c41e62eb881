import { labelKeys } from '#contract/labels.ts';
import type { KubeObject } from '#kube/client/object.ts';
import type { PipelineObject } from './resources.ts';

/** Name of the index of children and pods by `namespace/name` of their pipeline. */
export const byPipeline = 'pipeline';
/** Name of the index of pipelines by `namespace/name` of the Strimzi Kafka that they use. */
export const byKafka = 'kafka';

/** Returns `namespace/name` of the pipeline to which an object belongs, from the labels of the object. */
export function pipelineKeysOf(object: KubeObject): readonly string[] {
  const labels = object.metadata.labels ?? {};
  const [namespace, name] = [labels[labelKeys.namespace], labels[labelKeys.name]];
  return namespace === undefined || name === undefined ? [] : [`${namespace}/${name}`];
}

/**
 * Returns `namespace/name` of the Strimzi Kafka that a pipeline names. The pipeline is not parsed yet, so every field
 * is checked.
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
