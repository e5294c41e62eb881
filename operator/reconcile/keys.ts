import { labelKeys } from '#contract/labels.ts';
import { defaultTopic } from '#contract/names.ts';
import type { KubeObject } from '#kube/client/object.ts';
import type { PipelineObject } from './resources.ts';

/** Name of the index of children and pods by `namespace/name` of their pipeline. */
export const byPipeline = 'pipeline';
/** Name of the index of pipelines by `namespace/name` of the Strimzi Kafka that they use. */
export const byKafka = 'kafka';
/** Name of the index of pipelines by the keys of their log. */
export const byLog = 'log';

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

/**
 * Returns the keys of the log of a pipeline. Pipelines with a common key count the same log. Kafka's ids are known
 * after an aggregator has reported them. Before that the address of Kafka and the name of the topic are the key.
 */
export function logKeysOf(object: PipelineObject): readonly string[] {
  const { namespace, name } = object.metadata;
  const kafka = field(field(object, 'spec'), 'kafka');
  const topic = field(field(kafka, 'topic'), 'name') ?? defaultTopic({ namespace: namespace ?? '', name });
  const servers = field(kafka, 'bootstrapServers');
  const addresses = Array.isArray(servers) ? servers.filter((server) => typeof server === 'string') : [];
  const log = field(field(object, 'status'), 'log');
  const [clusterId, topicId] = [field(log, 'clusterId'), field(log, 'topicId')];
  return [
    ...kafkaKeysOf(object).map((kafkaKey) => `strimzi ${kafkaKey} ${topic}`),
    ...addresses.map((server) => `server ${qualified(server, namespace)} ${topic}`),
    ...(typeof clusterId === 'string' && typeof topicId === 'string' ? [`log ${clusterId} ${topicId}`] : []),
  ];
}

/** Returns whether the spec says that other pipelines may count the same log. */
export function isDeclaredShared(object: PipelineObject): boolean {
  return field(field(field(field(object, 'spec'), 'kafka'), 'topic'), 'shared') === true;
}

/** Adds the namespace to a host without a dot: it is a Service of the pipeline's own namespace. */
function qualified(server: string, namespace: string | undefined): string {
  return server.includes('.') ? server.toLowerCase() : `${namespace}/${server.toLowerCase()}`;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
