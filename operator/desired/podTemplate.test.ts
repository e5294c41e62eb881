import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { changed, minimalDraft } from '#operator/api/testing/samples.ts';
import { drainMs } from './environment.ts';
import { buildPodTemplate } from './podTemplate.ts';
import { exampleOf, fullExample, minimalExample } from './testing/examples.ts';

const sourceSchema = z.record(z.string(), z.object({ optional: z.boolean() }));
const volumeSchema = z.object({ projected: z.object({ sources: z.array(sourceSchema) }) });
const templateSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: z.object({
    terminationGracePeriodSeconds: z.number(),
    automountServiceAccountToken: z.boolean(),
    topologySpreadConstraints: z.array(z.object({ topologyKey: z.string(), labelSelector: z.unknown() })),
    containers: z.array(z.object({ resources: z.unknown(), env: z.array(z.unknown()) })).length(1),
    volumes: z.array(volumeSchema).optional(),
  }),
});

function templateOf({ pipeline, facts }: ReturnType<typeof minimalExample>, component: 'calculator' | 'aggregator') {
  return templateSchema.parse(buildPodTemplate(pipeline, facts, component));
}

test('a pod is not killed before it has drained and finished', () => {
  const { spec } = templateOf(minimalExample(), 'aggregator');
  assert.ok(spec.terminationGracePeriodSeconds * 1000 >= drainMs + 20_000);
});

test('only the aggregators get a token for the API server', () => {
  assert.equal(templateOf(fullExample(), 'aggregator').spec.automountServiceAccountToken, true);
  assert.equal(templateOf(fullExample(), 'calculator').spec.automountServiceAccountToken, false);
});

test('every source of a volume is optional: a missing Secret or ConfigMap does not make the pod hang', () => {
  const sources = templateOf(fullExample(), 'aggregator').spec.volumes?.flatMap(({ projected }) => projected.sources);
  assert.equal(sources?.length, 6);
  for (const source of sources)
    assert.deepEqual(
      Object.values(source).map(({ optional }) => optional),
      [true],
    );
});

test('resources that are given replace the default as a whole', () => {
  const draft = changed(minimalDraft(), { 'aggregator.resources': { limits: { memory: '1Gi' } } });
  const [container] = templateOf(exampleOf(draft), 'aggregator').spec.containers;
  assert.deepEqual(container?.resources, { limits: { memory: '1Gi' } });
});

test('given spread constraints replace the default, and select our pods if they have no selector', () => {
  const own = { topologyKey: 'rack', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' };
  const draft = changed(minimalDraft(), { 'aggregator.podTemplate': { topologySpreadConstraints: [own] } });
  assert.deepEqual(templateOf(exampleOf(draft), 'aggregator').spec.topologySpreadConstraints, [
    {
      topologyKey: 'rack',
      labelSelector: {
        matchLabels: {
          'sumpipeline.dev/namespace': 'shop',
          'sumpipeline.dev/name': 'orders',
          'sumpipeline.dev/component': 'aggregator',
        },
      },
    },
  ]);
});

test('given labels are added to ours', () => {
  const { labels } = templateOf(fullExample(), 'aggregator').metadata;
  assert.equal(labels['team'], 'shop');
  assert.equal(labels['sumpipeline.dev/component'], 'aggregator');
});
