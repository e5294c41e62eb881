import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { scaledDraft } from '#operator/api/testing/samples.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { exampleOf, strimziExample } from '#operator/desired/testing/examples.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { metadata } from '#operator/observe/testing/samples.ts';
import { isStopped, markStopped, withoutNewWork, withoutPods } from './stopped.ts';

const { pipeline, facts } = strimziExample();
const desired = buildChildren(withoutPods(pipeline), facts);
const kindsOf = (children: typeof desired) => new Set(children.map(({ object }) => object.kind));
const deployment = (replicas: number, annotations: Record<string, string> = {}): LiveChild => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { ...metadata('orders-calculator'), annotations },
  spec: { replicas },
});
const mark = { 'sumpipeline.dev/stopped': 'true' };

/** Returns the names of the Deployments with the annotation. */
const markedOf = (children: typeof desired) =>
  children
    .filter(({ object }) => object.metadata.annotations?.['sumpipeline.dev/stopped'] === 'true')
    .map(({ object }) => object.metadata.name);

test('a stopped pipeline wants 0 replicas and no autoscaler', () => {
  const { pipeline: scaled } = exampleOf(scaledDraft());
  const { calculator, aggregator } = withoutPods(scaled).spec;
  assert.deepEqual([calculator.replicas, calculator.autoscaling], [0, undefined]);
  assert.deepEqual([aggregator.replicas, aggregator.autoscaling], [0, undefined]);
});

describe('the children of a stopped pipeline', () => {
  test('have no Deployment and no KafkaTopic that does not exist', () => {
    assert.ok(kindsOf(desired).has('Deployment') && kindsOf(desired).has('KafkaTopic'));
    const kept = kindsOf(withoutNewWork(desired, []));
    assert.deepEqual([kept.has('Deployment'), kept.has('KafkaTopic'), kept.has('Service')], [false, false, true]);
  });

  test('keep a Deployment that exists', () => {
    const kept = withoutNewWork(desired, [deployment(2)]).filter(({ object }) => object.kind === 'Deployment');
    assert.deepEqual(
      kept.map(({ object }) => object.metadata.name),
      ['orders-calculator'],
    );
  });
});

describe('the mark of a stopped Deployment', () => {
  test('is written while the pipeline is stopped', () => {
    assert.deepEqual(markedOf(markStopped(desired, [], true)), ['orders-calculator', 'orders-aggregator']);
  });

  test('stays until the Deployment has pods again', () => {
    assert.deepEqual(markedOf(markStopped(desired, [deployment(0, mark)], false)), ['orders-calculator']);
    assert.deepEqual(markedOf(markStopped(desired, [deployment(1, mark)], false)), []);
  });

  test('is not made of a 0 that a user wrote', () => {
    assert.deepEqual(markedOf(markStopped(desired, [deployment(0)], false)), []);
    assert.deepEqual([isStopped(deployment(0)), isStopped(deployment(0, mark))], [false, true]);
  });
});
