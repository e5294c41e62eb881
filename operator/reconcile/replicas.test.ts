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
const stopped = (replicas: number): LiveChild => ({
  ...deployment(replicas),
  metadata: { ...metadata('orders-aggregator'), annotations: { 'sumpipeline.dev/stopped': 'true' } },
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
  ['no write while an HPA exists', wantedReplicas(fixed, [deployment(1), scaler('HorizontalPodAutoscaler')]), {}],
  ['no write while a ScaledObject exists', wantedReplicas(fixed, [deployment(1), scaler('ScaledObject')]), {}],
  [
    'no write while the HPA of KEDA exists',
    wantedReplicas(fixed, [deployment(1), scaler('HorizontalPodAutoscaler', 'keda-hpa-orders-aggregator')]),
    {},
  ],
  [
    'an HPA that scales another Deployment does not matter',
    wantedReplicas(fixed, [scaler('HorizontalPodAutoscaler', 'x', { kind: 'Deployment', name: 'orders-calculator' })]),
    ours,
  ],
  ['an autoscaler writes by itself', wantedReplicas(scaled, [deployment(5)]), {}],
  ['0 is raised before an HPA exists', wantedReplicas(scaled, [deployment(0)]), lifted],
  ['0 is raised before a ScaledObject exists', wantedReplicas(keda, [deployment(0)]), lifted],
  [
    '0 is not raised after the HPA exists: a user wrote it',
    wantedReplicas(scaled, [deployment(0), scaler('HorizontalPodAutoscaler')]),
    {},
  ],
  ['a recommendation writes nothing', wantedReplicas(recommended, [deployment(0)]), {}],
  ['with neither set, nothing is written', wantedReplicas(unset, [deployment(0)]), {}],
  ['a Deployment that we stopped gets a pod again', wantedReplicas(unset, [stopped(0)]), lifted],
  [
    'a Deployment that we stopped gets its minimum, even if the HPA exists',
    wantedReplicas(scaled, [stopped(0), scaler('HorizontalPodAutoscaler')]),
    lifted,
  ],
  ['a number that is not our 0 is not changed', wantedReplicas(unset, [stopped(2)]), {}],
];
for (const [what, actual, expected] of cases) {
  test(what, () => {
    const { 'orders-calculator': _, ...aggregators } = actual as Record<string, number>;
    assert.deepEqual(aggregators, expected);
  });
}
