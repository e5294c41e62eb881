import type { OptionalApis } from './facts.ts';

/** Steps in order. A later step needs the earlier ones: pods need their ServiceAccount and proof. */
export const steps = ['identity', 'topic', 'network', 'workloads', 'scaling', 'monitoring'] as const;
export type Step = (typeof steps)[number];

/**
 * How a child is removed when it is no longer desired. `delete`: with uid precondition. `release`: it holds data, so it
 * is first annotated `strimzi.io/managed: "false"`, then deleted with the uid and resourceVersion of that reply.
 */
type PrunePolicy = 'delete' | 'release';

/** One kind of object that we make. */
export interface OwnedKind {
  readonly kind: string;
  readonly apiVersion: string;
  /** Name of the resource in URLs and roles. */
  readonly plural: string;
  /**
   * Where it is. `pipeline`: in the namespace of the SumPipeline, with an ownerReference. `kafka`: in Kafka's
   * namespace, never with an ownerReference (none crosses namespaces, and garbage collection would delete the data), so
   * in the inventory; the rights there come from a Role that the namespace's owner installs.
   */
  readonly namespace: 'pipeline' | 'kafka';
  /** The API that the kind needs, if that API is optional. Without the API nothing is built, and the status says so. */
  readonly optionalApi?: keyof OptionalApis;
  readonly prune: PrunePolicy;
  readonly step: Step;
  /** What the operator does with it, beyond `ownVerbs`: subresources and their verbs. */
  readonly subresources?: Readonly<Record<string, readonly string[]>>;
  /** Why we make it, for the reference page. */
  readonly purpose: string;
}

/** Informers get, list and watch; server-side apply creates and patches; pruning deletes. */
export const ownVerbs = ['get', 'list', 'watch', 'create', 'patch', 'delete'] as const;

/** Everything we make, in the order in which it is applied. */
export const ownership = {
  serviceAccount: {
    kind: 'ServiceAccount',
    apiVersion: 'v1',
    plural: 'serviceaccounts',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: 'identity of the pods; one for each component, unless spec.serviceAccount.name is set',
  },
  role: {
    kind: 'Role',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    plural: 'roles',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: 'lets the aggregators read and write the one ConfigMap that holds their verdicts',
  },
  roleBinding: {
    kind: 'RoleBinding',
    apiVersion: 'rbac.authorization.k8s.io/v1',
    plural: 'rolebindings',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose: "gives that Role to the aggregators' ServiceAccount",
  },
  configMap: {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    plural: 'configmaps',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'identity',
    purpose:
      "the aggregators' verdicts (created empty); the log that they count, for the calculators; with Strimzi, Kafka's CA; without it, the topic that the aggregators make",
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
    purpose: 'one address for each component, and a headless one for clients that balance themselves',
  },
  deployment: {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    plural: 'deployments',
    namespace: 'pipeline',
    prune: 'delete',
    step: 'workloads',
    subresources: { scale: ['get', 'patch'] },
    purpose: 'the pods of each component; the number of replicas is written through scale alone',
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
      'alerts and objectives, when monitoring is set; with autoscaling also lag, rate, capacity and the number of aggregators wanted',
  },
  serviceMonitor: {
    kind: 'ServiceMonitor',
    apiVersion: 'monitoring.coreos.com/v1',
    plural: 'servicemonitors',
    namespace: 'pipeline',
    optionalApi: 'monitoring',
    prune: 'delete',
    step: 'monitoring',
    purpose: 'shows prometheus-operator where the metrics are, when monitoring.enabled is set',
  },
} as const satisfies Record<string, OwnedKind>;

/** The rows as a list, in order. */
export const ownedKinds: readonly OwnedKind[] = Object.values(ownership);

/** One rule of a Role. */
export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
  /** Why, for the reference page and for reviewers of the role. */
  readonly why: string;
}

/**
 * What the aggregators may do, on the proof ConfigMap alone. The operator must hold these permissions too, because
 * Kubernetes lets no client grant more permissions than it has.
 */
export const podRights = {
  apiGroups: [''],
  resources: ['configmaps'],
  verbs: ['get', 'patch'],
  why: 'aggregators write their verdict under their own key of ConfigMap <name>-proof',
} as const satisfies AccessRule;

/** What the operator needs in all namespaces beyond the kinds that it makes. */
export const clusterRights: readonly AccessRule[] = [
  {
    apiGroups: ['sumpipeline.dev'],
    resources: ['sumpipelines'],
    verbs: ['get', 'list', 'watch', 'patch'],
    why: 'the resource itself; patch for its finalizer and inventory',
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
    why: 'why a workload is not ready, and which verdicts belong to live pods',
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
    why: 'optional APIs are picked up when they are installed later',
  },
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    verbs: ['get', 'list', 'watch'],
    why: 'which program serves the metrics APIs, to report what autoscaling lacks; they are never changed',
  },
  {
    apiGroups: ['monitoring.coreos.com'],
    resources: ['prometheuses'],
    verbs: ['get', 'list', 'watch'],
    why: 'whether a Prometheus selects the monitors and rules, to report when none does; they are never changed',
  },
];

/** Name of the operator's Deployment, ServiceAccount, roles and Lease. */
export const operatorName = 'sumpipeline-operator';

/** Where the manifests install it. */
export const operatorNamespace = 'sumpipeline-system';

/** What the operator needs in its own namespace. */
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

/** What the owner of a Kafka namespace grants, beyond the kinds that we make there. */
export const kafkaNamespaceRights: readonly AccessRule[] = [
  {
    apiGroups: ['kafka.strimzi.io'],
    resources: ['kafkas'],
    verbs: ['get', 'list', 'watch'],
    why: 'address, CA and consent of the cluster',
  },
];

/** API group of `apps/v1` is `apps`, of `v1` the empty one. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}
