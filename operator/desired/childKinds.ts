import type { OptionalApis } from './facts.ts';

/** Steps in the order in which children are applied. Pods need their ServiceAccount and the ConfigMap of verdicts. */
export const steps = ['identity', 'topic', 'network', 'workloads', 'scaling', 'monitoring'] as const;
export type Step = (typeof steps)[number];

/**
 * How a child is removed when it is no longer desired. `delete`: delete the child with its uid as precondition.
 * `release`: the child holds data. First annotate it `strimzi.io/managed: "false"`, then delete it. Preconditions of
 * the deletion are the uid and the resourceVersion that the API server returned for the annotation.
 */
type PrunePolicy = 'delete' | 'release';

/** One kind of object that we make. */
export interface OwnedKind {
  readonly kind: string;
  readonly apiVersion: string;
  /** Name of the resource in URLs and Roles, such as `deployments`. */
  readonly plural: string;
  /**
   * Namespace of the object. `pipeline`: the namespace of the SumPipeline, with an ownerReference. `kafka`: the
   * namespace of Kafka, without an ownerReference. An ownerReference cannot point to another namespace, and with one
   * garbage collection would delete the data. The inventory lists the objects without an ownerReference. The owner of
   * the namespace of Kafka installs a Role for the operator.
   */
  readonly namespace: 'pipeline' | 'kafka';
  /** The optional API that the kind needs. Without the API no object is built, and the status says so. */
  readonly optionalApi?: keyof OptionalApis;
  readonly prune: PrunePolicy;
  readonly step: Step;
  /** Subresources that the operator uses, with their verbs. */
  readonly subresources?: Readonly<Record<string, readonly string[]>>;
  /** What the object is for, as text for the reference page. */
  readonly purpose: string;
}

/** Verbs for every kind that we make. Caches use get, list and watch. Server-side apply uses create and patch. */
export const ownVerbs = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** All kinds that we make, in the order in which they are applied. */
export const ownership = {
  serviceAccount: {
    kind: 'ServiceAccount',
    apiVersion: 'v1',
    plural: 'serviceaccounts',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: 'identity of the pods, one for each component, unless spec.serviceAccount.name is set',
  },
  role: {
    kind: 'Role',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    plural: 'roles',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: 'lets the aggregators read and write only the ConfigMap of their verdicts',
  },
  roleBinding: {
    kind: 'RoleBinding',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    plural: 'rolebindings',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: 'gives the Role above to the ServiceAccount of the aggregators',
  },
  configMap: {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    plural: 'configmaps',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose:
      'verdicts of the aggregators (created empty), the counted log for the calculators, and the CA of Kafka (with Strimzi) or the topic that the aggregators create (without Strimzi)',
  },
  kafkaTopic: {
    kind: 'KafkaTopic',
    apiVersion: 'kafka.strimzi.io/v1',
    plural: 'kafkatopics',
    namespace: 'kafka',
    optionalApi: 'strimzi',
    prune: 'release',
    step: 'topic',
    purpose: 'the log, when kafka.cluster is set and the topic is Managed',
  },
  service: {
    kind: 'Service',
    apiVersion: 'v1',
    plural: 'services',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'network',
    purpose: 'one address for each component, and a headless Service for clients that balance the load themselves',
  },
  deployment: {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    plural: 'deployments',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'workloads',
    subresources: { scale: ['get', 'patch'] },
    purpose: 'the pods of each component; the number of replicas is written only through scale',
  },
  podDisruptionBudget: {
    kind: 'PodDisruptionBudget',
    apiVersion: 'policy/v1',
    plural: 'poddisruptionbudgets',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'workloads',
    purpose: 'at most one pod of each component is evicted at a time',
  },
  horizontalPodAutoscaler: {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    plural: 'horizontalpodautoscalers',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'scaling',
    purpose: 'scales the aggregators on Kafka lag (mode hpa), and the calculators on additions in flight',
  },
  scaledObject: {
    kind: 'ScaledObject',
    apiVersion: 'keda.sh/v1alpha1',
    plural: 'scaledobjects',
    namespace: 'pipeline',
    optionalApi: 'keda',
    prune: 'delete',
    step: 'scaling',
    purpose: 'scales the aggregators on Kafka lag through KEDA (mode keda), which makes an HPA of its own',
  },
  prometheusRule: {
    kind: 'PrometheusRule',
    apiVersion: 'monitoring.coreos.com/v1',
    plural: 'prometheusrules',
    namespace: 'pipeline',
    optionalApi: 'prometheusRules',
    prune: 'delete',
    step: 'monitoring',
    purpose:
      'alerts and objectives, when monitoring is set; with autoscaling also lag, rate, capacity and the wanted number of aggregators',
  },
  serviceMonitor: {
    kind: 'ServiceMonitor',
    apiVersion: 'monitoring.coreos.com/v1',
    plural: 'servicemonitors',
    namespace: 'pipeline',
    optionalApi: 'monitoring',
    prune: 'delete',
    step: 'monitoring',
    purpose: 'tells prometheus-operator which pods to scrape, when monitoring.enabled is set',
  },
} as const satisfies Record<string, OwnedKind>;

/** The rows of `ownership` as a list, in order. */
export const ownedKinds: readonly OwnedKind[] = Object.values(ownership);

/** One rule of a Role. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
  /** Why the permission is needed, as text for the reference page and for reviewers of the Role. */
  readonly why: string;
}

/**
 * Permissions of the aggregators, only for ConfigMap `<name>-proof`. The operator needs the same permissions, because
 * Kubernetes lets a client grant only permissions that it has.
 */
export const podRights = {
  apiGroups: [''],
  resources: ['configmaps'],
  verbs: ['get', 'patch'],
  why: 'aggregators write their verdict under their own key of ConfigMap <name>-proof',
} as const satisfies AccessRule;

/** Permissions that the operator needs in all namespaces, besides those for the kinds that it makes. */
export const clusterRights: readonly AccessRule[] = [
  {
    apiGroups: ['sumpipeline.dev'],
    resources: ['sumpipelines'],
    verbs: ['get', 'list', 'watch', 'patch'],
    why: 'the resource itself; patch writes its finalizer and inventory',
  },
  {
    apiGroups: ['sumpipeline.dev'],
    resources: ['sumpipelines/status'],
    verbs: ['patch'],
    why: 'its status',
  },
  {
    apiGroups: ['sumpipeline.dev'],
    resources: ['sumpipelines/finalizers'],
    verbs: ['update'],
    why: 'ownerReferences with blockOwnerDeletion, where the API server checks them (OpenShift)',
  },
  {
    apiGroups: [''],
    resources: ['pods'],
    verbs: ['get', 'list', 'watch'],
    why: 'to report why a workload is not ready, and to know which verdicts belong to existing pods',
  },
  {
    apiGroups: ['events.k8s.io'],
    resources: ['events'],
    verbs: ['create', 'patch'],
    why: 'events for kubectl describe',
  },
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    verbs: ['get', 'list', 'watch'],
    why: 'to use optional APIs that are installed later',
  },
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    verbs: ['get', 'list', 'watch'],
    why: 'to report which metrics API is missing for autoscaling; the operator never changes an APIService',
  },
  {
    apiGroups: ['monitoring.coreos.com'],
    resources: ['prometheuses'],
    verbs: ['get', 'list', 'watch'],
    why: 'to report if no Prometheus selects the monitors and rules; the operator never changes a Prometheus',
  },
];

/** Name of the operator's Deployment, ServiceAccount, roles and Lease. */
export const operatorName = 'sumpipeline-operator';

/** Namespace in which the manifests install the operator. */
export const operatorNamespace = 'sumpipeline-system';

/** Permissions that the operator needs in its own namespace. */
export const ownNamespaceRights: readonly AccessRule[] = [
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['create'],
    why: 'leader election: the first process creates the Lease',
  },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [operatorName],
    verbs: ['get', 'patch'],
    why: 'leader election: renewing and releasing the Lease',
  },
];

/** Permissions that the owner of a Kafka namespace grants, besides those for the kinds that we make there. */
export const kafkaNamespaceRights: readonly AccessRule[] = [
  {
    apiGroups: ['kafka.strimzi.io'],
    resources: ['kafkas'],
    verbs: ['get', 'list', 'watch'],
    why: 'address and CA of Kafka, and the annotation that names the allowed namespaces',
  },
];

/** Returns the API group: `apps` for `apps/v1`, empty for `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}
