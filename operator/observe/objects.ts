/**
 * This file has the types of live objects, with only the fields that we read. The schemas of the API server guarantee
 * these types. The API server omits empty fields, so nearly every field is optional.
 */
export interface LiveMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly ManagedFields[];
}

/** The fields that one field manager owns, as the API server records them for server-side apply. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly subresource?: string;
  /**
   * A tree. `f:name` is a field, `k:{...}` a list item by its keys, `v:...` an element of a set, `.` the node itself.
   */
  readonly fieldsV1?: unknown;
}

export interface LiveObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: LiveMetadata;
}

export interface LiveCondition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** Any child of a pipeline, with the fields that are read without a check of the kind. */
export type LiveChild = LiveObject & {
  readonly spec?: {
    /** Only a Deployment has this field. */
    readonly replicas?: number;
    /** Only an autoscaler has this field. */
    readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string };
    readonly behavior?: { readonly scaleUp?: { readonly tolerance?: string | number } };
  };
  readonly status?: { readonly conditions?: readonly LiveCondition[] };
};

export interface DeploymentBody {
  readonly spec?: { readonly replicas?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly LiveCondition[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: { readonly exitCode?: number; readonly reason?: string; readonly message?: string };
}

export interface PodBody {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly LiveCondition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface ConfigMapBody {
  readonly data?: Readonly<Record<string, string>>;
}

/** An APIService names the Service that serves an API. If no Service is named, the API server itself serves the API. */
export interface ApiServiceBody {
  readonly spec?: { readonly service?: { readonly namespace?: string; readonly name?: string } };
  readonly status?: { readonly conditions?: readonly LiveCondition[] };
}

/** A label selector. An empty selector selects all objects. The meaning of an absent selector depends on its field. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Spec of a Prometheus of prometheus-operator: which monitors and rules it selects. */
export interface PrometheusBody {
  readonly spec?: {
    readonly serviceMonitorSelector?: Selector;
    readonly serviceMonitorNamespaceSelector?: Selector;
    readonly ruleSelector?: Selector;
    readonly ruleNamespaceSelector?: Selector;
  };
}

export interface KafkaTopicBody {
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly LiveCondition[];
  };
}

export type LiveDeployment = LiveObject & DeploymentBody;
export type LivePod = LiveObject & PodBody;
export type LiveConfigMap = LiveObject & ConfigMapBody;
export type LiveApiService = LiveObject & ApiServiceBody;
export type LivePrometheus = LiveObject & PrometheusBody;
export type LiveKafkaTopic = LiveObject & KafkaTopicBody;
