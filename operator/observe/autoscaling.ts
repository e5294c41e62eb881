import type { Component } from '#contract/names.ts';
import { findCondition } from './health.ts';
import type { MetricsApi, MetricsApis } from './metricsApis.ts';
import type { LiveChild, LiveCondition } from './objects.ts';

/** One component with autoscaling, as the cluster shows it. */
export interface ScaledComponent {
  readonly component: Component;
  readonly mode: 'hpa' | 'keda' | 'recommend';
  readonly min: number;
  /** If undefined, the number of partitions is the maximum. */
  readonly max: number | undefined;
  /** Replicas of the component's Deployment now. */
  readonly replicas: number;
  /** The HPA that scales the component; undefined while it does not exist. */
  readonly hpa: LiveChild | undefined;
}

/** All facts that decide whether autoscaling works. */
export interface AutoscalingInput {
  readonly components: readonly ScaledComponent[];
  readonly isMonitoringEnabled: boolean;
  /**
   * Availability of the kinds PrometheusRule and ScaledObject. The operator makes objects of a kind only if the kind
   * is `synced`.
   */
  readonly prometheusRules: Availability;
  readonly scaledObjects: Availability;
  readonly metricsApis: MetricsApis;
  readonly hasTolerance: boolean;
  /** Partitions of the topic as the aggregators report them; undefined before the first report. */
  readonly partitions: number | undefined;
  readonly rulesName: string;
  readonly namespace: string;
}

type Availability = 'pending' | 'synced' | 'notInstalled' | 'forbidden';

/**
 * What the status reports about autoscaling. The message has no number that changes by itself, so it does not quote
 * the messages of an HPA, which have changing numbers.
 */
export interface ObservedAutoscaling {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Reports whether the numbers of replicas follow the load. If they do not, reports only the first problem. */
export function observeAutoscaling(input: AutoscalingInput): ObservedAutoscaling {
  if (input.components.length === 0) {
    return no(
      'NotConfigured',
      'neither aggregator nor calculator has autoscaling; set spec.aggregator.autoscaling to scale on lag',
    );
  }
  const found = findMissing(input);
  if (found !== undefined) return found;
  const observed = input.components.map((component) => observeComponent(component, input));
  return (
    observed.find(({ status }) => status === 'False') ??
    observed.find(({ status }) => status === 'Unknown') ??
    merge(observed)
  );
}

function merge(observed: readonly ObservedAutoscaling[]): ObservedAutoscaling {
  const [first] = observed;
  const notable = observed.find(({ reason }) => reason !== 'Scaling') ?? first;
  if (notable === undefined) throw new Error('no component has autoscaling');
  return { ...notable, message: observed.map(({ message }) => message).join('; ') };
}

/** Finds what is missing in the cluster for autoscaling. Undefined means that nothing is missing. */
function findMissing(input: AutoscalingInput): ObservedAutoscaling | undefined {
  const { components, isMonitoringEnabled, prometheusRules, scaledObjects, metricsApis } = input;
  if (!isMonitoringEnabled) {
    return no('MonitoringDisabled', 'autoscaling reads Prometheus; set spec.monitoring.enabled to true');
  }
  const rules = missingKind(
    'PrometheusRule',
    'prometheusrules.monitoring.coreos.com',
    'prometheus-operator',
    prometheusRules,
  );
  if (rules !== undefined) return rules;
  if (components.some(({ mode }) => mode === 'keda')) {
    const keda = missingKind(
      'ScaledObject',
      'scaledobjects.keda.sh',
      'KEDA, or set spec.aggregator.autoscaling.mode to hpa',
      scaledObjects,
    );
    if (keda !== undefined) return keda;
  }
  return components.some(({ mode }) => mode === 'hpa') ? missingApi(metricsApis.external) : undefined;
}

function missingKind(
  kind: string,
  crd: string,
  cure: string,
  availability: Availability,
): ObservedAutoscaling | undefined {
  switch (availability) {
    case 'synced':
      return undefined;
    case 'pending':
      return { status: 'Unknown', reason: 'Pending', message: `the operator is still listing ${kind}s` };
    case 'notInstalled':
      return no('CRDNotInstalled', `${crd} is not installed; install ${cure}`);
    case 'forbidden':
      return no(
        'AccessForbidden',
        `the operator has no permission to list ${kind}s; apply the ClusterRole of this operator version`,
      );
    default:
      return availability satisfies never;
  }
}

/** Matches the Service of KEDA's metrics server, which serves only the metrics of ScaledObjects. */
const kedaService = /(^|\/)keda-/;

function missingApi(external: MetricsApi): ObservedAutoscaling | undefined {
  // Unknown means that the operator may not read APIServices. In this case the conditions of the HPA say what is
  // missing.
  if (external.state === 'unknown') return undefined;
  if (external.state === 'absent') {
    return no(
      'ExternalMetricsNotServed',
      'no program serves external.metrics.k8s.io; install prometheus-adapter with manifests/prometheus-adapter/values.yaml, or KEDA and set mode to keda',
    );
  }
  const { by } = external;
  if (kedaService.test(by)) {
    return no(
      'ExternalMetricsServedByKeda',
      `${by} serves external.metrics.k8s.io only for ScaledObjects; set spec.aggregator.autoscaling.mode to keda`,
    );
  }
  if (external.state === 'served') return undefined;
  return no(
    'ExternalMetricsUnavailable',
    `${by} serves external.metrics.k8s.io and is not available (${external.message}); check its pods`,
  );
}

function observeComponent(scaled: ScaledComponent, input: AutoscalingInput): ObservedAutoscaling {
  const { component, mode, min, replicas, hpa } = scaled;
  if (mode === 'recommend') {
    return no(
      'RecommendOnly',
      `mode recommend scales nothing; run "sumctl status" to see how many ${component}s are wanted`,
    );
  }
  const deployment = `deployment/${hpa?.spec?.scaleTargetRef?.name ?? component}`;
  if (hpa === undefined)
    return { status: 'Unknown', reason: 'Pending', message: `the HPA of the ${component}s does not exist yet` };
  if (replicas === 0) {
    return no(
      'ReplicasZero',
      `the ${component}s are scaled to 0, which disables their HPA; to resume, run "kubectl scale ${deployment} --replicas=${min} -n ${input.namespace}"`,
    );
  }
  const conditions = hpa.status?.conditions;
  const able = findCondition(conditions, 'AbleToScale');
  if (able?.status === 'False') {
    return no(
      'ScaleFailed',
      `the HPA cannot scale the ${component}s (${able.reason ?? 'no reason'}); run "kubectl describe hpa ${hpa.metadata.name}"`,
    );
  }
  const active = findCondition(conditions, 'ScalingActive');
  if (active === undefined)
    return {
      status: 'Unknown',
      reason: 'Pending',
      message: `the HPA of the ${component}s has not evaluated its metrics yet`,
    };
  if (active.status !== 'True') return metricMissing(scaled, active, input);
  return atLimit(scaled, findCondition(conditions, 'ScalingLimited'), input);
}

function metricMissing({ component, replicas }: ScaledComponent, active: LiveCondition, input: AutoscalingInput) {
  const since = active.lastTransitionTime === undefined ? '' : ` since ${active.lastTransitionTime}`;
  return no(
    'MetricMissing',
    `the ${component}s stay at ${replicas}${since}: the HPA gets no metric (${active.reason ?? 'no reason'}). Check that Prometheus ` +
      `selects PrometheusRule ${input.rulesName} and the ServiceMonitors (spec.monitoring.labels), and that its targets are up`,
  );
}

function atLimit(
  scaled: ScaledComponent,
  limited: LiveCondition | undefined,
  input: AutoscalingInput,
): ObservedAutoscaling {
  const { component, mode, min, max } = scaled;
  const { partitions, hasTolerance } = input;
  const isAggregator = component === 'aggregator';
  if (isAggregator && max !== undefined && partitions !== undefined && max > partitions) {
    const message = `max ${max} is above the ${partitions} partitions of the topic, and more aggregators would idle; lower max or add partitions`;
    return { status: 'True', reason: 'MaxAbovePartitions', message };
  }
  const top = max ?? partitions;
  if (limited?.status === 'True' && limited.reason === 'TooManyReplicas') {
    const cure =
      isAggregator && (max === undefined || max === partitions)
        ? 'add partitions to the topic'
        : `raise spec.${component}.autoscaling.max`;
    return {
      status: 'True',
      reason: 'AtMaximum',
      message: `the ${component}s are at their maximum of ${top}; ${cure} if they are too slow`,
    };
  }
  const note =
    isAggregator && mode === 'hpa' && !hasTolerance
      ? ' (HPAs of this cluster have no tolerance field, so numbers within 10 % of each other are left out)'
      : '';
  const range = top === undefined ? `at least ${min}` : `${min} to ${top}`;
  return { status: 'True', reason: 'Scaling', message: `${range} ${component}s, set from their metric${note}` };
}

function no(reason: string, message: string): ObservedAutoscaling {
  return { status: 'False', reason, message };
}
