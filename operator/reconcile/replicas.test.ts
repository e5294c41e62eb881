import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changed, kedaDraft, minimalDraft, scaledDraft } from '#operator/api/testing/samples.ts';
import { exampleOf } from '#operator/desired/testing/examples.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { metadata } from '#operator/observe/testing/samples.ts';
import { wantedReplicas } from './replicas.ts';

const target = { kind: 'Deployment', name: 'orders-aggregator' };
const scaler = (kind: string, name = 'orders-aggregator', scaleTargetRef = target): LiveChild => ({
  apiVersion: 'v1',
  kind,
  metadata: metadata(name),
  spec: { scaleTargetRef },
});
const deployment = (replicas: number): LiveChild => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('orders-aggregator'),
  spec: { replicas },
});
const fixed = exampleOf(changed(minimalDraft(), { 'aggregator.replicas': 3 })).pipeline;
const scaled = exampleOf(scaledDraft()).pipeline;
const keda = exampleOf(kedaDraft()).pipeline;
const recommended = exampleOf(changed(scaledDraft(), { 'aggregator.autoscaling.mode': 'recommend' })).pipeline;
const unset = exampleOf(minimalDraft()).pipeline;
const ours = { 'orders-aggregator': 3 };
const lifted = { 'orders-aggregator': 1 };

const cases: [what: string, actual: object, expected: object][] = [
  ['a fixed number is written', wantedReplicas(fixed, [deployment(1)]), ours],
  ['not while an HPA is there', wantedReplicas(fixed, [deployment(1), scaler('HorizontalPodAutoscaler')]), {}],
  ['not while a ScaledObject is there', wantedReplicas(fixed, [deployment(1), scaler('ScaledObject')]), {}],
  [
    "not while KEDA's own HPA is there",
    wantedReplicas(fixed, [deployment(1), scaler('HorizontalPodAutoscaler', 'keda-hpa-orders-aggregator')]),
    {},
  ],
  [
    'although an HPA scales something else',
    wantedReplicas(fixed, [scaler('HorizontalPodAutoscaler', 'x', { kind: 'Deployment', name: 'orders-calculator' })]),
    ours,
  ],
  ['an autoscaler writes by itself', wantedReplicas(scaled, [deployment(5)]), {}],
  ['from 0 we lift, before there is an HPA', wantedReplicas(scaled, [deployment(0)]), lifted],
  ['from 0 we lift, before there is a ScaledObject', wantedReplicas(keda, [deployment(0)]), lifted],
  [
    '0 under an HPA is what a user wanted',
    wantedReplicas(scaled, [deployment(0), scaler('HorizontalPodAutoscaler')]),
    {},
  ],
  ['a recommendation writes nothing', wantedReplicas(recommended, [deployment(0)]), {}],
  ['without a wish nothing is written', wantedReplicas(unset, [deployment(0)]), {}],
  ['without a wish our own 0 is taken back', wantedReplicas(unset, [deployment(0)], { wasStopped: true }), lifted],
  ['another number than our 0 is not', wantedReplicas(unset, [deployment(2)], { wasStopped: true }), {}],
];
for (const [what, actual, expected] of cases) {
  test(what, () => {
    const { 'orders-calculator': _, ...aggregators } = actual as Record<string, number>;
    assert.deepEqual(aggregators, expected);
  });
}
