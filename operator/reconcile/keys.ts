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
  const name = readField(object, 'spec', 'kafka', 'cluster', 'name');
  const namespace = readField(object, 'spec', 'kafka', 'cluster', 'namespace') ?? object.metadata.namespace;
  return typeof name === 'string' && typeof namespace === 'string' ? [`${namespace}/${name}`] : [];
}

/**
 * Returns the keys of the log of a pipeline. Pipelines with a common key count the same log. Each address of Kafka,
 * together with the name of the topic, is a key. After an aggregator has reported the ids of the cluster and the
 * topic, the two ids are another key.
 */
export function logKeysOf(object: PipelineObject): readonly string[] {
  const { namespace = '', name } = object.metadata;
  const topic = readField(object, 'spec', 'kafka', 'topic', 'name') ?? defaultTopic({ namespace, name });
  const servers = readField(object, 'spec', 'kafka', 'bootstrapServers');
  const addresses = Array.isArray(servers) ? servers.filter((server) => typeof server === 'string') : [];
  return [...addressKeys(object, addresses, topic), ...idKeys(object)];
}

/** Returns the keys of the log that the pipeline had counted when its status was written. */
export function countedLogKeysOf(object: PipelineObject): readonly string[] {
  const ids = idKeys(object);
  if (ids.length === 0) return [];
  const bootstrap = readField(object, 'status', 'bootstrap');
  const addresses = typeof bootstrap === 'string' ? bootstrap.split(',') : [];
  return [...addressKeys(object, addresses, readField(object, 'status', 'log', 'topic')), ...ids];
}

function addressKeys(object: PipelineObject, addresses: readonly string[], topic: unknown): string[] {
  const { namespace = '' } = object.metadata;
  return [
    ...kafkaKeysOf(object).map((kafkaKey) => `strimzi ${kafkaKey} ${topic}`),
    ...addresses.map((server) => `server ${qualified(server, namespace)} ${topic}`),
  ];
}

function idKeys(object: PipelineObject): string[] {
  const [clusterId, topicId] = ['clusterId', 'topicId'].map((id) => readField(object, 'status', 'log', id));
  return typeof clusterId === 'string' && typeof topicId === 'string' ? [`log ${clusterId} ${topicId}`] : [];
}

/** Adds the namespace to a host without a dot: it is a Service of the pipeline's own namespace. */
function qualified(server: string, namespace: string): string {
  return server.includes('.') ? server.toLowerCase() : `${namespace}/${server.toLowerCase()}`;
}

/** Returns a nested field of a value that is not parsed yet. */
export function readField(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce(
    (found, name) => (typeof found === 'object' && found !== null ? Reflect.get(found, name) : undefined),
    value,
  );
}
