import { labelKeys } from '#contract/labels.ts';
import type { Reflector } from '#kube/cache/reflector.ts';
import { customResourceDefinitions } from '#kube/client/discovery.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import type { Manager } from '#kube/control/manager.ts';
import { ownedKinds } from '#operator/desired/childKinds.ts';
import type { ApiServiceBody, PodBody, PrometheusBody } from '#operator/observe/objects.ts';
import type { Reader } from './gather.ts';
import { byKafka, byLog, byPipeline, kafkaKeysOf, logKeysOf, pipelineKeysOf } from './keys.ts';
import {
  apiServices,
  childResource,
  kafkas,
  kafkaTopics,
  type PipelineObject,
  pipelines,
  pods,
  prometheuses,
} from './resources.ts';

/** Caches of all objects that a pass reads. Watches keep them current. */
export interface Caches {
  readonly pipelines: Reflector<PipelineObject>;
  /** One reflector for each kind of child in the namespace of the SumPipeline. */
  readonly children: readonly Reflector[];
  readonly pods: Reflector<KubeObject & PodBody>;
  /** APIServices, from which the pass reads who serves the metrics APIs. */
  readonly apiServices: Reflector<KubeObject & ApiServiceBody>;
  /** The Prometheus objects of all namespaces. Their selectors show which monitors and rules they select. */
  readonly prometheuses: Reflector<KubeObject & PrometheusBody>;
  /** Metadata of the cluster's CRDs. */
  readonly crds: Reflector;
  /** Returns caches of the Strimzi kinds of one namespace. The first call starts the watches. */
  kafkaIn(namespace: string): KafkaCaches;
}

export interface KafkaCaches {
  readonly kafkas: Reflector;
  readonly topics: Reflector;
}

/** Creates the caches. If `namespace` is undefined, they cover the pipelines of all namespaces. */
export function createCaches(manager: Manager, options: { readonly namespace: string | undefined }): Caches {
  const { namespace } = options;
  const ours = {
    // The API server sends only objects with our label.
    labelSelector: labelKeys.name,
    indexes: { [byPipeline]: pipelineKeysOf },
  };
  // Keep managedFields: they show which fields are ours, and so whether a write is needed.
  const watchChildren = (resource: Resource, where: string | undefined, required: boolean) =>
    manager.watch(resource, { ...ours, namespace: where, keepManagedFields: true, required });
  return {
    pipelines: manager.watch(pipelines, { namespace, indexes: { [byKafka]: kafkaKeysOf, [byLog]: logKeysOf } }),
    children: ownedKinds
      .filter((owned) => owned.namespace === 'pipeline')
      .map((owned) => watchChildren(childResource(owned.kind), namespace, owned.optionalApi === undefined)),
    pods: manager.watch(pods, { ...ours, namespace }),
    apiServices: manager.watch(apiServices, { required: false }),
    prometheuses: manager.watch(prometheuses, { required: false }),
    crds: manager.watch(customResourceDefinitions, { metadataOnly: true, required: false }),
    kafkaIn: (where) => ({
      kafkas: manager.watch(kafkas, { namespace: where, required: false }),
      topics: watchChildren(kafkaTopics, where, false),
    }),
  };
}

/**
 * Returns a reader whose availability is `notInstalled` if the kind does not exist. The API server checks permissions
 * first: without the Role it returns 403 even for a kind that does not exist. But "install Strimzi" must be reported
 * before "install the Role".
 */
export function readerOf(reflector: Reflector, { discovery }: Pick<Manager, 'discovery'>): Reader {
  const { resource, store, availability } = reflector;
  const isAbsent = availability === 'forbidden' && discovery.stateOf(resource) === 'absent';
  return { resource, store, availability: isAbsent ? 'notInstalled' : availability };
}
