import {
  durabilityReasons,
  exactReasons,
  haltReasons,
  kafkaReasons,
  type ReasonDoc,
  storeReasons,
  stuckReasons,
} from '#contract/reasons.ts';
import type { ConditionType } from '#operator/api/status.ts';

/** Meaning of a condition, and of every reason that it may have. `docs/reference/conditions.md` is made from these. */
export interface ConditionDoc {
  readonly meaning: string;
  readonly reasons: Readonly<Record<string, ReasonDoc>>;
}

const none = 'No action needed.';

/** Reasons of a pass that could not do all its work. */
const issueReasons = {
  InvalidSpec: { meaning: 'A field is not valid.', action: 'Correct the field that the message names.' },
  NameConflict: {
    meaning: 'An object with the name of a child exists and does not belong to this SumPipeline.',
    action: 'Delete or rename it, or create the SumPipeline under another name.',
  },
  LogInUse: {
    meaning: 'Another SumPipeline has the same topic, and not both declare it. The operator stops this one.',
    action: 'Delete one of the two, or set spec.kafka.topic.shared to true in both.',
  },
  Rejected: {
    meaning: 'The API server refused an object because of its content.',
    action: 'Correct the field of the spec that the message names, or change the admission policy.',
  },
  Forbidden: {
    meaning: 'The operator lacks a permission, or a quota or an admission policy refuses an object.',
    action: 'Grant the missing permission or raise the quota; the operator retries.',
  },
  AccessForbidden: {
    meaning: 'The operator has no permission to read a kind of object.',
    action: 'Apply the ClusterRole of this operator version, or manifests/kafka-access: see the message.',
  },
  NamespaceTerminating: { meaning: 'The namespace is being deleted.', action: none },
  Conflict: { meaning: 'Another writer changed an object at the same time.', action: 'No action needed: retried.' },
  ApiUnavailable: {
    meaning: 'The API server did not respond, or asked for a pause.',
    action: 'No action needed: the operator retries. If it stays, check the API server.',
  },
  BeingDeleted: {
    meaning: 'An object is being deleted. After that the operator creates it again.',
    action: 'Remove the finalizer that the message names if its owner does not remove it.',
  },
  DeletionBlocked: {
    meaning: 'The SumPipeline is being deleted and its KafkaTopic cannot be released yet.',
    action: 'No action needed: after 30 s the KafkaTopic is left as it is, with its data.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons about the connection to Kafka and about the topic, as the operator sees them. */
const kafkaPathReasons = {
  KafkaNotFound: {
    meaning: 'The Strimzi Kafka does not exist.',
    action:
      'Create the Kafka. spec.kafka.cluster cannot change: if it is wrong, delete the SumPipeline and create it again.',
  },
  KafkaNotReady: {
    meaning: 'The Strimzi Kafka has published no address for the listener yet.',
    action: 'Wait for Strimzi, or read the status of the Kafka.',
  },
  ListenerNotFound: {
    meaning: 'The Strimzi Kafka has no listener with the name in spec.kafka.cluster.listener.',
    action: 'Correct spec.kafka.cluster.listener.',
  },
  NotPermitted: {
    meaning: 'The Strimzi Kafka does not permit pipelines of this namespace.',
    action: 'Ask the owner of the Kafka to add the namespace to the annotation sumpipeline.dev/allowed-namespaces.',
  },
  TopicNameNotPermitted: {
    meaning: 'A Managed topic in a shared Kafka must begin with the namespace of the pipeline.',
    action: 'Delete the SumPipeline and create it again without spec.kafka.topic.name, or with a permitted name.',
  },
  CRDNotInstalled: {
    meaning: 'Strimzi is not installed.',
    action:
      'Install Strimzi, or delete the SumPipeline (its data is kept) and create it again with spec.kafka.bootstrapServers.',
  },
  TopicNotCreated: { meaning: 'The KafkaTopic does not exist yet.', action: none },
  TopicPending: {
    meaning: "Strimzi's Topic Operator has not reconciled the KafkaTopic yet.",
    action: 'Check that the Topic Operator runs.',
  },
  TopicNotReady: {
    meaning: "Strimzi's Topic Operator reports an error. If it gives a reason, the condition has that reason.",
    action: 'Read the message.',
  },
  TopicBeingDeleted: {
    meaning: 'The KafkaTopic is being deleted. Its data is kept, and it is created again.',
    action: none,
  },
  TopicGrowing: {
    meaning: 'The topic has fewer partitions than wanted, and the aggregators are adding them.',
    action: 'No action needed: it takes minutes. If it stays, run "kubectl logs" for the aggregators.',
  },
  NotReported: { meaning: 'No aggregator has reported yet.', action: none },
  NotAsked: {
    meaning: 'The aggregators check Kafka only after they have reached PostgreSQL.',
    action: 'Fix PostgreSQL: see WorkloadsReady.',
  },
} as const satisfies Record<string, ReasonDoc>;

/** Reasons of the pods. A reason that Kubernetes gives for a pod or a Deployment is shown as it is. */
const workloadReasons = {
  Ready: { meaning: 'All wanted pods are ready.', action: none },
  NotCreated: { meaning: 'A Deployment does not exist yet.', action: none },
  BeingDeleted: issueReasons.BeingDeleted,
  RolloutPending: { meaning: 'The Deployment controller has not seen the last change yet.', action: none },
  RollingOut: { meaning: 'Pods are being replaced or started.', action: none },
  PodsNotReady: { meaning: 'Pods run and are not ready yet.', action: 'If it stays, run "kubectl logs" for a pod.' },
  ProgressDeadlineExceeded: {
    meaning: 'A Deployment made no progress until its deadline.',
    action: 'Read the message and the events of the pods.',
  },
  ReplicaFailure: {
    meaning: 'Pods cannot be created: a quota, an admission policy or a missing ServiceAccount.',
    action: 'Fix what the message names.',
  },
  ImagePullBackOff: { meaning: 'The image cannot be pulled.', action: 'Correct spec.image or spec.imagePullSecrets.' },
  OOMKilled: { meaning: 'A container needed more memory than its limit.', action: 'Raise resources.limits.memory.' },
  CrashLoopBackOff: { meaning: 'A container fails again and again.', action: 'Read its last error in the message.' },
  Unschedulable: { meaning: 'No node can run a pod.', action: 'Add nodes, or lower resources.requests.' },
} as const satisfies Record<string, ReasonDoc>;

const autoscalingReasons = {
  NotConfigured: {
    meaning: 'No component has autoscaling.',
    action: 'Set spec.aggregator.autoscaling to scale on lag.',
  },
  Scaling: { meaning: 'The replicas follow their metric.', action: none },
  AtMaximum: {
    meaning: 'The replicas are at their maximum.',
    action: 'Add partitions or raise max if the pipeline is too slow.',
  },
  MaxAbovePartitions: {
    meaning: 'max is above the number of partitions, and more aggregators would idle.',
    action: 'Lower max or add partitions.',
  },
  MetricMissing: {
    meaning: 'The HPA gets no metric, so the number of replicas does not change.',
    action: 'Check that Prometheus selects the PrometheusRule and the monitors, and that its targets are up.',
  },
  MonitoringDisabled: {
    meaning: 'Autoscaling reads Prometheus and spec.monitoring.enabled is false.',
    action: 'Set spec.monitoring.enabled to true.',
  },
  ExternalMetricsNotServed: {
    meaning: 'No program serves external.metrics.k8s.io.',
    action: 'Install prometheus-adapter with manifests/prometheus-adapter/values.yaml, or KEDA with mode keda.',
  },
  ExternalMetricsServedByKeda: {
    meaning: 'KEDA serves external.metrics.k8s.io, but only for ScaledObjects.',
    action: 'Set spec.aggregator.autoscaling.mode to keda.',
  },
  ExternalMetricsUnavailable: {
    meaning: 'The program that serves external.metrics.k8s.io is not available.',
    action: 'Check the pods of the program that the message names.',
  },
  CRDNotInstalled: {
    meaning: 'PrometheusRule or ScaledObject is not installed.',
    action: 'Install what the message names.',
  },
  AccessForbidden: issueReasons.AccessForbidden,
  RecommendOnly: {
    meaning: 'Mode recommend scales nothing.',
    action: 'Run "sumctl status" to see the wanted number of replicas.',
  },
  ReplicasZero: {
    meaning: 'The replicas were set to 0, which disables the HPA.',
    action: 'To resume, run the command "kubectl scale" that the message has.',
  },
  ScaleFailed: { meaning: 'The HPA cannot scale the Deployment.', action: 'Run "kubectl describe hpa".' },
  Pending: { meaning: 'The HPA, or the kinds that it needs, were not read yet.', action: none },
} as const satisfies Record<string, ReasonDoc>;

const observabilityReasons = {
  Monitored: { meaning: 'A ServiceMonitor for each component exists.', action: none },
  Disabled: { meaning: 'spec.monitoring.enabled is false.', action: none },
  Pending: { meaning: 'The ServiceMonitors are being created.', action: none },
  NotSelected: {
    meaning: 'No Prometheus selects the monitors and rules.',
    action: 'Do what the message says: set a label in spec.monitoring.labels, or a selector of the Prometheus.',
  },
  CRDNotInstalled: {
    meaning: 'ServiceMonitor is not installed.',
    action: 'Install prometheus-operator, or set spec.monitoring.enabled to false.',
  },
  AccessForbidden: issueReasons.AccessForbidden,
} as const satisfies Record<string, ReasonDoc>;

/** All conditions. The first three come from kstatus: at most one of them is True. */
export const conditionDocs = {
  Ready: {
    meaning: 'The pipeline takes additions and counts them. If False, its reason says what is missing first.',
    reasons: { Ready: { meaning: 'All wanted pods are ready, and Kafka and PostgreSQL answer.', action: none } },
  },
  Reconciling: {
    meaning:
      'The operator or a controller is still working on the pipeline. If True, its reason says what blocks the progress.',
    reasons: {
      Done: { meaning: 'The cluster is as the spec wants it.', action: none },
      Stalled: { meaning: 'The operator cannot continue.', action: 'See the condition Stalled.' },
      ...issueReasons,
    },
  },
  Stalled: {
    meaning: 'Waiting does not help: an action is needed. If True, its reason says what blocks the progress.',
    reasons: { NotStalled: { meaning: 'No action is needed.', action: none } },
  },
  KafkaReady: {
    meaning: 'The pods can use Kafka and the topic.',
    reasons: { ...kafkaReasons, ...kafkaPathReasons, AccessForbidden: issueReasons.AccessForbidden },
  },
  WorkloadsReady: {
    meaning: 'The pods are ready, PostgreSQL answers, and no partition is halted or stuck.',
    reasons: { ...workloadReasons, ...storeReasons, ...haltReasons, ...stuckReasons },
  },
  AutoscalingActive: { meaning: 'The numbers of replicas follow the load.', reasons: autoscalingReasons },
  ObservabilityReady: { meaning: 'Prometheus collects the metrics.', reasons: observabilityReasons },
  TotalExact: {
    meaning: 'The total is proven exact. False means that a miscount was found, Unknown that nothing is proven now.',
    reasons: {
      ...exactReasons,
      NotReported: { meaning: 'An aggregator has not reported yet, or its report cannot be read.', action: none },
      NoReadyAggregator: { meaning: 'No aggregator is ready, so no proof is reported.', action: 'See WorkloadsReady.' },
      ...haltReasons,
    },
  },
  DurabilityWeak: {
    meaning: 'Kafka may lose acknowledged additions. Ready and TotalExact do not depend on it.',
    reasons: {
      ...durabilityReasons,
      NotReported: { meaning: 'No aggregator has read the settings of the topic yet.', action: none },
    },
  },
  Drifted: {
    meaning: 'Another field manager added fields to the pods that concern security.',
    reasons: {
      None: { meaning: 'No other manager has added security fields.', action: none },
      SecurityFieldsAdded: {
        meaning: 'A field of the pod template belongs to another field manager.',
        action: 'If the field is not intended, remove it with the field manager that the message names.',
      },
    },
  },
} as const satisfies Record<ConditionType, ConditionDoc>;

/**
 * Events at the SumPipeline whose reason is not a reason of a condition. A Warning is also recorded when a new reason
 * appears in Stalled, KafkaReady, WorkloadsReady or ObservabilityReady.
 */
export const eventDocs = {
  Ready: 'Normal. The pipeline became ready.',
  TotalExact: 'Normal. The total is proven exact again.',
  TotalNotExact: 'Warning. A miscount was found: the note has reason and message of TotalExact.',
  Created: 'Normal. A child was created.',
  Deleted: 'Normal. A child that is no longer wanted was deleted.',
  Scaled: 'Normal. The operator changed the replicas of a Deployment.',
  Retained: 'Normal. A KafkaTopic was released: the topic and its data stay in Kafka.',
  TopicLeft: 'Warning. A KafkaTopic could not be released at deletion and was left as it is, with its data.',
} as const satisfies Record<string, string>;
