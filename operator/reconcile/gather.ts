import { labelKeys } from '#contract/labels.ts';
import { type Component, formatRef } from '#contract/names.ts';
import { parseStrimziKafka } from '#operator/api/strimzi.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Facts } from '#operator/desired/facts.ts';
import { kafkaNamespaceOf, refOf } from '#operator/desired/identity.ts';
import { type ObservedKafka, type ResolvedKafka, resolveKafka } from '#operator/desired/kafka.ts';
import { ownership } from '#operator/desired/ownership.ts';
import type { LiveChild, LivePod } from '#operator/observe/objects.ts';
import type { KubeObject, Resource } from '#operator/runtime/object.ts';
import { resourceId } from '#operator/runtime/object.ts';
import type { Availability } from '#operator/runtime/reflector.ts';
import type { StoreReader } from '#operator/runtime/store.ts';
import { byPipeline } from './keys.ts';

/** As much of a reflector as reading needs. */
export interface Reader<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly store: StoreReader<T>;
  readonly availability: Availability;
}

export interface Readers {
  readonly children: readonly Reader[];
  readonly pods: Reader<KubeObject & Pick<LivePod, 'status'>>;
  /** Of the namespace of the Kafka that the pipeline names; undefined when it names none. */
  readonly kafka: KafkaReaders | undefined;
}

export interface KafkaReaders {
  readonly kafkas: Reader;
  readonly topics: Reader;
}

/** Everything that one pass knows, read once. */
export interface World {
  readonly pipeline: SumPipeline;
  /** Undefined: the first look has not ended; a watch tells. */
  readonly kafka: ResolvedKafka | undefined;
  /** Present once the way to Kafka is known. */
  readonly facts: Facts | undefined;
  /** Everything that carries this pipeline's labels, where we look for children of its kind. */
  readonly live: readonly LiveChild[];
  readonly pods: Readonly<Record<Component, readonly LivePod[]>>;
  /** Of ServiceMonitors, when they are wanted. */
  readonly monitoring: Availability | 'disabled';
  /** Kinds that we need and may not list: nothing can be decided without them. */
  readonly blindTo: readonly string[];
}

/** Facts out of what the watches brought. Pure. */
export function gather(pipeline: SumPipeline, readers: Readers, operatorImage: string): World {
  const key = formatRef(refOf(pipeline));
  const kafka = resolve(pipeline, readers);
  const monitoring = readers.children.find(({ resource }) => resource.kind === ownership.serviceMonitor.kind);
  const apis = {
    strimzi: readers.kafka?.topics.availability === 'synced',
    monitoring: monitoring?.availability === 'synced',
  };
  const podsOf = (component: Component) =>
    readers.pods.store
      .byIndex(byPipeline, key)
      .filter(({ metadata }) => metadata.namespace === pipeline.metadata.namespace)
      .filter(({ metadata }) => metadata.labels?.[labelKeys.component] === component);
  return {
    pipeline,
    kafka,
    facts: kafka?.ok === true ? { operatorImage, kafka: kafka.kafka, apis } : undefined,
    live: gatherLive(pipeline, readers, key),
    pods: { calculator: podsOf('calculator'), aggregator: podsOf('aggregator') },
    monitoring: pipeline.spec.monitoring.enabled ? (monitoring?.availability ?? 'pending') : 'disabled',
    blindTo: [...readers.children.filter((reader) => reader !== monitoring), readers.pods]
      .filter(({ availability }) => availability !== 'synced')
      .map(({ resource }) => resourceId(resource)),
  };
}

/**
 * Labels are written by anybody, so a child counts only where we would have made it. A kind that cannot be seen at
 * present is left out: what is not known to be there is never pruned.
 */
function gatherLive(pipeline: SumPipeline, readers: Readers, key: string): LiveChild[] {
  const from = (reader: Reader, namespace: string | undefined) =>
    reader.availability !== 'synced'
      ? []
      : reader.store.byIndex(byPipeline, key).filter(({ metadata }) => metadata.namespace === namespace);
  return [
    ...readers.children.flatMap((reader) => from(reader, pipeline.metadata.namespace)),
    ...(readers.kafka === undefined ? [] : from(readers.kafka.topics, kafkaNamespaceOf(pipeline))),
  ];
}

function resolve(pipeline: SumPipeline, { kafka }: Readers): ResolvedKafka | undefined {
  const { cluster, topic } = pipeline.spec.kafka;
  if (cluster === undefined || kafka === undefined) return resolveKafka(pipeline);
  const namespace = kafkaNamespaceOf(pipeline);
  const observed = observeKafka(kafka.kafkas, { namespace, name: cluster.name });
  if (observed === undefined) return undefined;
  const resolved = resolveKafka(pipeline, observed);
  if (!resolved.ok || topic.management !== 'Managed') return resolved;
  // The Kafka may be used; the topic is a kind and a right of its own.
  switch (kafka.topics.availability) {
    case 'synced':
      return resolved;
    case 'pending':
      return undefined;
    case 'notInstalled':
      return resolveKafka(pipeline, { state: 'crdNotInstalled' });
    case 'forbidden':
      return resolveKafka(pipeline, { state: 'forbidden' });
    default:
      throw kafka.topics.availability satisfies never;
  }
}

function observeKafka(
  reader: Reader,
  name: { namespace: string | undefined; name: string },
): ObservedKafka | undefined {
  switch (reader.availability) {
    case 'pending':
      return undefined;
    case 'notInstalled':
      return { state: 'crdNotInstalled' };
    case 'forbidden':
      return { state: 'forbidden' };
    case 'synced': {
      const kafka = parseStrimziKafka(reader.store.get(name));
      return kafka === undefined ? { state: 'absent' } : { state: 'found', kafka };
    }
    default:
      throw reader.availability satisfies never;
  }
}
