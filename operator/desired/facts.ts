import type { CountedLog } from '#contract/countedLog.ts';

/** Observed facts that the builders need, as plain data. */
export interface Facts {
  /** Image of the operator itself: pipelines without `spec.image` follow it. */
  readonly operatorImage: string;
  /**
   * How the pods reach Kafka, from `resolveKafka`. There are no Facts without it, on purpose: what is unknown must
   * not look like "should not exist", or a Kafka object that vanishes for a minute would take the pods with it.
   */
  readonly kafka: KafkaFacts;
  /** Optional APIs that the cluster serves now. */
  readonly apis: OptionalApis;
  readonly scaling: ScalingFacts;
  /** The log that the ledger counts; absent until aggregators have reported it. */
  readonly log?: CountedLog | undefined;
}

/** What the cluster can do for autoscaling. */
interface ScalingFacts {
  /** The API server has the field `tolerance` of an HPA (1.33): elsewhere it would refuse the whole object. */
  readonly knowsTolerance: boolean;
  /** The field has an effect: known, and kept by the API server. */
  readonly hasTolerance: boolean;
  /** `metrics.k8s.io` is served: an HPA can use CPU. */
  readonly hasResourceMetrics: boolean;
}

export interface KafkaFacts {
  /** host:port, in the order of the source. */
  readonly bootstrapServers: readonly string[];
  readonly tls: boolean;
  /** CA in PEM that the pods get as a ConfigMap: from the status of a Strimzi Kafka. Never a secret. */
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
