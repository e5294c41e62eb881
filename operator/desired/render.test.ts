import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { changed, type Draft, minimalDraft, strimziDraft } from '#operator/api/testing/samples.ts';
import { type RenderOptions, renderPipeline } from './render.ts';

function render(draft: Draft, options: Partial<RenderOptions> = {}) {
  const parsed = parsePipelineStrictly(draft);
  assert.ok(parsed.ok);
  return renderPipeline(parsed.value, { image: 'sumpipeline:test', ...options });
}

const deploymentSchema = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        containers: z.tuple([
          z.object({ image: z.string(), env: z.array(z.object({ name: z.string(), value: z.string().optional() })) }),
        ]),
      }),
    }),
  }),
});

function containerOf(objects: ReturnType<typeof render>) {
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  return deploymentSchema.parse(deployment).spec.template.spec.containers[0];
}

test('rendered children have no owner: with an invented uid garbage collection would delete them', () => {
  for (const { kind, metadata } of render(minimalDraft())) assert.equal(metadata.ownerReferences, undefined, kind);
});

test('the image is the given one, unless the pipeline names its own', () => {
  assert.equal(containerOf(render(minimalDraft())).image, 'sumpipeline:test');
  assert.equal(containerOf(render(changed(minimalDraft(), { image: 'mine:1' }))).image, 'mine:1');
});

test('the address of a Strimzi Kafka is assumed to be its bootstrap Service', () => {
  const bootstrap = (listener: string) =>
    containerOf(render(changed(strimziDraft(), { 'kafka.cluster.listener': listener }))).env.find(
      ({ name }) => name === 'SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS',
    )?.value;
  assert.equal(bootstrap('tls'), 'main-kafka-bootstrap.kafka.svc:9093');
  assert.equal(bootstrap('plain'), 'main-kafka-bootstrap.kafka.svc:9092');
});

test('optional APIs are assumed to be installed, unless said otherwise', () => {
  const kinds = (options?: Partial<RenderOptions>) => new Set(render(strimziDraft(), options).map(({ kind }) => kind));
  assert.ok(kinds().isSupersetOf(new Set(['KafkaTopic', 'ServiceMonitor'])));
  const without = kinds({ apis: { strimzi: false, monitoring: false, prometheusRules: false, keda: false } });
  assert.ok(without.isDisjointFrom(new Set(['KafkaTopic', 'ServiceMonitor'])));
});
