import { apiGroup, kind } from '#contract/names.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import { groupOf, type OwnedKind, ownership } from '#operator/desired/childKinds.ts';
import type {
  ApiServiceBody,
  ConfigMapBody,
  DeploymentBody,
  KafkaTopicBody,
  PodBody,
  PrometheusBody,
} from '#operator/observe/objects.ts';

/** A SumPipeline as the API server sent it. `parsePipeline` parses it. */
export type PipelineObject = KubeObject & { spec?: unknown; status?: unknown };

export const pipelines: Resource<PipelineObject> = {
  group: apiGroup,
  version: 'v1alpha1',
  kind,
  plural: 'sumpipelines',
  namespaced: true,
};

export const pods: Resource<KubeObject & PodBody> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
};

/** The kind Kafka of Strimzi. `parseStrimziKafka` parses its objects. */
export const kafkas: Resource = {
  group: 'kafka.strimzi.io',
  version: 'v1',
  kind: 'Kafka',
  plural: 'kafkas',
  namespaced: true,
};

export const apiServices: Resource<KubeObject & ApiServiceBody> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};

/** Prometheus objects of prometheus-operator. The operator only reads them. */
export const prometheuses: Resource<KubeObject & PrometheusBody> = {
  group: 'monitoring.coreos.com',
  version: 'v1',
  kind: 'Prometheus',
  plural: 'prometheuses',
  namespaced: true,
};

export const deployments: Resource<KubeObject & DeploymentBody> = toResource(ownership.deployment);
export const configMaps: Resource<KubeObject & ConfigMapBody> = toResource(ownership.configMap);
export const kafkaTopics: Resource<KubeObject & KafkaTopicBody> = toResource(ownership.kafkaTopic);

/** The resources that we make, by kind. */
const childResources: Readonly<Record<string, Resource>> = {
  ...Object.fromEntries(Object.values(ownership).map((owned) => [owned.kind, toResource(owned)])),
  Deployment: deployments,
  ConfigMap: configMaps,
  KafkaTopic: kafkaTopics,
};

export function childResource(kindName: string): Resource {
  const resource = childResources[kindName];
  if (resource === undefined) throw new Error(`${kindName} is not in the ownership table`);
  return resource;
}

function toResource({ apiVersion, kind: kindName, plural }: OwnedKind): Resource {
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  return { group: groupOf(apiVersion), version, kind: kindName, plural, namespaced: true };
}
