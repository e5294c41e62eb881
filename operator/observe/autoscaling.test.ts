import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AutoscalingInput, observeAutoscaling, type ScaledComponent } from './autoscaling.ts';
import type { LiveChild, LiveCondition } from './objects.ts';
import { metadata } from './testing/samples.ts';

function hpa(conditions: Record<string, string>, reasons: Record<string, string> = {}): LiveChild {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metadata('orders-aggregator'),
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'orders-aggregator' } },
    status: {
      conditions: Object.entries(conditions).map(
        ([type, status]): LiveCondition => ({
          type,
          status,
          reason: reasons[type] ?? 'Seen',
          message: 'current value is 41',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        }),
      ),
    },
  };
}

const working = hpa({ AbleToScale: 'True', ScalingActive: 'True', ScalingLimited: 'False' });
const aggregator: ScaledComponent = {
  component: 'aggregator',
  mode: 'hpa',
  min: 2,
  max: undefined,
  replicas: 3,
  hpa: working,
};
const calculator: ScaledComponent = { component: 'calculator', mode: 'hpa', min: 1, max: 8, replicas: 1, hpa: working };

function said(more: Partial<AutoscalingInput> = {}): string {
  const { status, reason, message } = observeAutoscaling({
    components: [aggregator],
    isMonitoringEnabled: true,
    prometheusRules: 'synced',
    scaledObjects: 'notInstalled',
    metricsApis: { external: { state: 'served', by: 'monitoring/adapter' }, resource: { state: 'absent' } },
    hasTolerance: true,
    partitions: 12,
    rulesName: 'orders-scaling',
    namespace: 'shop',
    ...more,
  });
  return `${status} ${reason}: ${message}`;
}
const with_ = (more: Partial<ScaledComponent>) => said({ components: [{ ...aggregator, ...more }] });
const limited = hpa(
  { AbleToScale: 'True', ScalingActive: 'True', ScalingLimited: 'True' },
  { ScalingLimited: 'TooManyReplicas' },
);
const unlimited = hpa(
  { AbleToScale: 'True', ScalingActive: 'True', ScalingLimited: 'True' },
  { ScalingLimited: 'TooFewReplicas' },
);
const external = (api: AutoscalingInput['metricsApis']['external']) =>
  said({ metricsApis: { external: api, resource: api } });

const table: Record<string, readonly [actual: string, expected: RegExp]> = {
  'nothing that scales': [said({ components: [] }), /^False NotConfigured: .*set spec.aggregator.autoscaling/],
  'monitoring off': [said({ isMonitoringEnabled: false }), /^False MonitoringDisabled: .*monitoring.enabled to true/],
  'no PrometheusRule': [
    said({ prometheusRules: 'notInstalled' }),
    /^False CRDNotInstalled: prometheusrules.*install prometheus-operator/,
  ],
  'a PrometheusRule that may not be listed': [
    said({ prometheusRules: 'forbidden' }),
    /^False AccessForbidden: .*ClusterRole/,
  ],
  'kinds that were not listed yet': [said({ prometheusRules: 'pending' }), /^Unknown Pending/],
  'mode keda without KEDA': [with_({ mode: 'keda' }), /^False CRDNotInstalled: scaledobjects.keda.sh.*mode to hpa/],
  'mode keda needs no metrics API': [
    said({
      components: [{ ...aggregator, mode: 'keda' }],
      scaledObjects: 'synced',
      metricsApis: { external: { state: 'absent' }, resource: { state: 'absent' } },
    }),
    /^True Scaling/,
  ],
  'no metrics API': [external({ state: 'absent' }), /^False ExternalMetricsNotServed: .*prometheus-adapter/],
  'a metrics API of KEDA': [
    external({ state: 'served', by: 'keda/keda-operator-metrics-apiserver' }),
    /^False ExternalMetricsServedByKeda: .*mode to keda/,
  ],
  'a metrics API that is down': [
    external({ state: 'unavailable', by: 'monitoring/adapter', message: 'MissingEndpoints' }),
    /^False ExternalMetricsUnavailable: monitoring\/adapter.*MissingEndpoints/,
  ],
  'metrics APIs that the operator may not read': [external({ state: 'unknown' }), /^True Scaling/],
  'no HPA yet': [with_({ hpa: undefined }), /^Unknown Pending/],
  'an HPA that has evaluated nothing yet': [with_({ hpa: hpa({}) }), /^Unknown Pending/],
  'replicas at 0': [
    with_({ replicas: 0 }),
    /^False ReplicasZero: .*deployment\/orders-aggregator --replicas=2 -n shop/,
  ],
  'an HPA that cannot scale': [
    with_({ hpa: hpa({ AbleToScale: 'False' }, { AbleToScale: 'FailedGetScale' }) }),
    /^False ScaleFailed: .*FailedGetScale.*kubectl describe hpa orders-aggregator/,
  ],
  'a missing metric': [
    with_({ hpa: hpa({ AbleToScale: 'True', ScalingActive: 'False' }, { ScalingActive: 'FailedGetExternalMetric' }) }),
    /^False MetricMissing: the aggregators stay at 3 since 2026-01-01T00:00:00Z/,
  ],
  'the partitions as the limit': [with_({ hpa: limited }), /^True AtMaximum: .*maximum of 12; add partitions/],
  'max as the limit': [
    with_({ hpa: limited, max: 6 }),
    /^True AtMaximum: .*maximum of 6; raise spec.aggregator.autoscaling.max/,
  ],
  'the minimum is not reported as a limit': [with_({ hpa: unlimited }), /^True Scaling: 2 to 12 aggregators/],
  'a max that an External topic cannot use': [
    with_({ max: 20 }),
    /^True MaxAbovePartitions: max 20 is above the 12 partitions/,
  ],
  'a topic whose partitions are not known': [said({ partitions: undefined }), /^True Scaling: at least 2 aggregators/],
  'a cluster without tolerance': [
    said({ hasTolerance: false }),
    /^True Scaling: .*within 10 % of each other are left out/,
  ],
  'a recommendation': [with_({ mode: 'recommend' }), /^False RecommendOnly: .*sumctl status/],
  'both components': [
    said({ components: [aggregator, calculator] }),
    /^True Scaling: 2 to 12 aggregators.*; 1 to 8 calculators/,
  ],
  'one of two that cannot': [
    said({ components: [aggregator, { ...calculator, replicas: 0 }] }),
    /^False ReplicasZero: the calculators/,
  ],
};

describe('condition AutoscalingActive for', () => {
  for (const [what, [actual, expected]] of Object.entries(table)) {
    test(what, () => {
      assert.match(actual, expected);
      assert.doesNotMatch(actual, /41/, "an HPA's own message changes by itself");
    });
  }
});
