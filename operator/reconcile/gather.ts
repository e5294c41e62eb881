import { labelKeys } from '#contract/labels.ts';
import { type Component, formatRef } from '#contract/names.ts';
import type { Availability } from '#kube/cache/reflector.ts';
import type { StoreReader } from '#kube/cache/store.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import { resourceId } from '#kube/client/object.ts';
import { parseStrimziKafka } from '#operator/api/strimzi.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type OwnedKind, ownedKinds, ownership } from '#operator/desired/childKinds.ts';
import type { Facts } from '#operator/desired/facts.ts';
import { kafkaNamespaceOf, refOf } from '#operator/desired/identity.ts';
import { type ObservedKafka, type ResolvedKafka, resolveKafka } from '#operator/desired/kafka.ts';
import { type MetricsApis, observeMetricsApis } from '#operator/observe/metricsApis.ts';
import type { ApiServiceBody, LiveChild, LivePod, LivePrometheus, PrometheusBody } from '#operator/observe/objects.ts';
import { byPipeline } from './keys.ts';

/** The part of a reflector that a pass reads. */
export interface Reader<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly store: StoreReader<T>;
  readonly availability: Availability;
}

export interface Readers {
  readonly children: readonly Reader[];
  readonly pods: Reader<KubeObject & Pick<LivePod, 'status'>>;
  readonly apiServices: Reader<KubeObject & ApiServiceBody>;
  readonly prometheuses: Reader<KubeObject & PrometheusBody>;
  /** Readers for the namespace of the Kafka in the spec; undefined if the spec names no Kafka object. */
  readonly kafka: KafkaReaders | undefined;
}

export interface KafkaReaders {
  readonly kafkas: Reader;
  readonly topics: Reader;
}

/** All facts of one pass, read once at its start. */
export interface World {
  readonly pipeline: SumPipeline;
  /**
   * The connection to Kafka. Undefined while the first list of Kafkas is in progress. The end of this list triggers
   * the next pass.
   */
  readonly kafka: ResolvedKafka | undefined;
  /** Facts for the builders of children. Undefined while the connection to Kafka is not known. */
  readonly facts: Facts | undefined;
  /** All objects with the labels of this pipeline, each in the namespace where we make its kind. */
  readonly live: readonly LiveChild[];
  readonly pods: Readonly<Record<Component, readonly LivePod[]>>;
  /** State of the ServiceMonitors, if monitoring is enabled. */
  readonly monitoring: Availability | 'disabled';
  /**
   * The Prometheus objects of the cluster. Undefined if they cannot be listed. In this case the status does not say
   * whether a Prometheus selects our objects.
   */
  readonly prometheuses: readonly LivePrometheus[] | undefined;
  /** Availability of the optional kinds of autoscaling. */
  readonly scaling: { readonly prometheusRules: Availability; readonly scaledObjects: Availability };
  readonly metricsApis: MetricsApis;
  /** Kinds that we need but cannot list. If the list is not empty, the pass changes nothing. */
  readonly blindTo: readonly string[];
}

/** Facts about the cluster itself. */
export interface ClusterContext {
  readonly operatorImage: string;
  /** Minor version of the API server. */
  readonly serverMinor: number;
}

/** Collects the facts from the caches. It does no I/O. */
export function gather(pipeline: SumPipeline, readers: Readers, { operatorImage, serverMinor }: ClusterContext): World {
  const key = formatRef(refOf(pipeline));
  const kafka = resolve(pipeline, readers);
  const availabilityOf = ({ kind }: OwnedKind) =>
    readers.children.find(({ resource }) => resource.kind === kind)?.availability ?? 'pending';
  const scaling = {
    prometheusRules: availabilityOf(ownership.prometheusRule),
    scaledObjects: availabilityOf(ownership.scaledObject),
  };
  const apis = {
    strimzi: readers.kafka?.topics.availability === 'synced',
    monitoring: availabilityOf(ownership.serviceMonitor) === 'synced',
    prometheusRules: scaling.prometheusRules === 'synced',
    keda: scaling.scaledObjects === 'synced',
  };
  const live = gatherLive(pipeline, readers, key);
  const metricsApis = observeMetricsApis(readers.apiServices);
  const knowsTolerance = serverMinor >= toleranceMinor;
  const podsOf = (component: Component) =>
    readers.pods.store
      .byIndex(byPipeline, key)
      .filter(({ metadata }) => metadata.namespace === pipeline.metadata.namespace)
      .filter(({ metadata }) => metadata.labels?.[labelKeys.component] === component);
  return {
    pipeline,
    kafka,
    facts:
      kafka?.ok === true
        ? {
            operatorImage,
            kafka: kafka.kafka,
            apis,
            scaling: {
              knowsTolerance,
              hasTolerance: knowsTolerance && !dropsTolerance(live),
              hasResourceMetrics: metricsApis.resource.state === 'served',
            },
          }
        : undefined,
    live,
    pods: { calculator: podsOf('calculator'), aggregator: podsOf('aggregator') },
    monitoring: pipeline.spec.monitoring.enabled ? availabilityOf(ownership.serviceMonitor) : 'disabled',
    prometheuses: readers.prometheuses.availability === 'synced' ? readers.prometheuses.store.list() : undefined,
    scaling,
    metricsApis,
    blindTo: [...readers.children.filter(({ resource }) => !isOptional(resource.kind)), readers.pods]
      .filter(({ availability }) => availability !== 'synced')
      .map(({ resource }) => resourceId(resource)),
  };
}

/** Minor version of Kubernetes since which HPAs have the field `tolerance`: 1.33. */
const toleranceMinor = 33;

/** Whether the API server drops the field `tolerance`: it does so if the feature gate of the field is off. */
function dropsTolerance(live: readonly LiveChild[]): boolean {
  const own = live.find((child) => child.kind === ownership.horizontalPodAutoscaler.kind && isAggregator(child));
  if (own === undefined) return false;
  const scaleUp = own.spec?.behavior?.scaleUp;
  return scaleUp !== undefined && scaleUp.tolerance === undefined;
}

function isAggregator({ metadata }: LiveChild): boolean {
  const component: Component = 'aggregator';
  return metadata.labels?.[labelKeys.component] === component;
}

function isOptional(kind: string): boolean {
  return ownedKinds.some((owned) => owned.kind === kind && owned.optionalApi !== undefined);
}

/**
 * Collects the children. Any client can write our labels, so a child counts only in the namespace where we would make
 * it. Kinds that cannot be listed now are left out, so their objects are not deleted.
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
  const observed = readKafka(kafka.kafkas, { namespace, name: cluster.name });
  if (observed === undefined) return undefined;
  const resolved = resolveKafka(pipeline, observed);
  if (!resolved.ok || topic.management !== 'Managed') return resolved;
  // The operator can read the Kafka. Check KafkaTopics too, because they are another kind with another permission.
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

function readKafka(reader: Reader, name: { namespace: string | undefined; name: string }): ObservedKafka | undefined {
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
