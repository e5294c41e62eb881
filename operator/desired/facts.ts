import type { CountedLog } from '#contract/countedLog.ts';

/** Observed facts that the builders need, as plain data. */
export interface Facts {
  /** Image of the operator itself. Pipelines without `spec.image` use it. */
  readonly operatorImage: string;
  /**
   * How the pods reach Kafka, from `resolveKafka`. The field is required on purpose: without known addresses no
   * children are built. Otherwise a Kafka object that is missing for a minute would lead to the deletion of the pods.
   */
  readonly kafka: KafkaFacts;
  /** Optional APIs that the cluster serves now. */
  readonly apis: OptionalApis;
  readonly scaling: ScalingFacts;
  /** The log that the ledger counts; absent until aggregators have reported it. */
  readonly log?: CountedLog | undefined;
}

/** Features of the cluster that autoscaling uses. */
interface ScalingFacts {
  /** The API server knows the field `tolerance` of an HPA (1.33). An older one would refuse the whole object. */
  readonly knowsTolerance: boolean;
  /** The field `tolerance` has an effect: the API server knows it and stores it. */
  readonly hasTolerance: boolean;
  /** `metrics.k8s.io` is served: an HPA can use CPU. */
  readonly hasResourceMetrics: boolean;
}

export interface KafkaFacts {
  /** Addresses as host:port, in the order of the spec or of the Kafka status. */
  readonly bootstrapServers: readonly string[];
  readonly tls: boolean;
  /** CA in PEM from the status of a Strimzi Kafka. The pods get it as a ConfigMap. It is public, not a secret. */
  readonly caPem?: string;
}

export interface OptionalApis {
  /** `kafka.strimzi.io/v1`. */
  readonly strimzi: boolean;
  /** ServiceMonitors of `monitoring.coreos.com/v1`. */
  readonly monitoring: boolean;
  /** PrometheusRules of `monitoring.coreos.com/v1`. */
  readonly prometheusRules: boolean;
  /** `keda.sh/v1alpha1`. */
  readonly keda: boolean;
}
