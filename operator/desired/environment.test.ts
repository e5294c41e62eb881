import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { aggregatorEnvironment, calculatorEnvironment } from '#contract/config.ts';
import { parseTopicSpec, type TopicSpec } from '#contract/topicSpec.ts';
import { changed, minimalDraft } from '#operator/api/testing/samples.ts';
import { tracingEnvironment } from '#platform/tracing/settings.ts';
import { buildEnvironment } from './environment.ts';
import { buildPodTemplate } from './podTemplate.ts';
import {
  type Example,
  exampleOf,
  foreignExample,
  fullExample,
  minimalExample,
  strimziExample,
} from './testing/examples.ts';
import { buildTopicFile } from './topicFile.ts';

/** Returns the environment variables as the pod sees them. */
function environmentOf({ pipeline, facts }: Example, component: 'calculator' | 'aggregator'): Record<string, string> {
  const variables = buildEnvironment(pipeline, facts, component);
  return Object.fromEntries(variables.map(({ name, value = 'pod-1' }) => [name, value]));
}

/** Returns the topic file as the aggregators read it. Undefined if the aggregators do not create the topic. */
function topicFileOf({ pipeline, facts }: Example): TopicSpec | undefined {
  const configMap = buildTopicFile(pipeline, facts);
  if (configMap === undefined) return undefined;
  const { data } = z.object({ data: z.object({ 'topic.json': z.string() }) }).parse(configMap);
  return parseTopicSpec(data['topic.json']);
}

for (const [name, example] of Object.entries({
  minimal: minimalExample(),
  full: fullExample(),
  strimzi: strimziExample(),
  foreign: foreignExample(),
})) {
  test(`${name}: the programs can parse the environment, and read every variable in it`, () => {
    const calculator = environmentOf(example, 'calculator');
    const aggregator = environmentOf(example, 'aggregator');
    // The SDK of OpenTelemetry reads OTEL_RESOURCE_ATTRIBUTES itself.
    const traces = { ...tracingEnvironment.parse(calculator), OTEL_RESOURCE_ATTRIBUTES: '' };
    const read = {
      calculator: { ...calculatorEnvironment.parse(calculator), ...traces },
      aggregator: { ...aggregatorEnvironment.parse(aggregator), ...traces },
    };
    assert.deepEqual(
      Object.keys(calculator).filter((key) => !(key in read.calculator)),
      [],
    );
    assert.deepEqual(
      Object.keys(aggregator).filter((key) => !(key in read.aggregator)),
      [],
    );
  });
}

test('messages can name the Secret and the key of every file', () => {
  const env = environmentOf(fullExample(), 'aggregator');
  const files = Object.keys(env).filter((name) => name.endsWith('_FILE'));
  assert.deepEqual(Object.fromEntries(files.map((name) => [env[name], env[name.replace(/_FILE$/, '_SOURCE')]])), {
    '/etc/sumpipeline/kafka-ca/ca.crt': 'Secret orders-kafka-ca, key tls.crt',
    '/etc/sumpipeline/kafka-user/username': 'Secret orders-kafka, key user',
    '/etc/sumpipeline/kafka-user/password': 'Secret orders-kafka, key pass',
    '/etc/sumpipeline/store/uri': 'Secret orders-db, key url',
    '/etc/sumpipeline/store-ca/ca.crt': 'Secret orders-db-ca, key tls.crt',
    '/etc/sumpipeline/topic/topic.json': 'ConfigMap orders-topic, key topic.json',
  });
});

test('a calculator gets no variable of PostgreSQL', () => {
  const names = Object.keys(environmentOf(fullExample(), 'calculator'));
  assert.deepEqual(
    names.filter((name) => /STORE|PROOF|TOPIC_/.test(name)),
    [],
  );
});

test('without Strimzi the aggregators ensure a Managed topic, with every setting of it', () => {
  assert.deepEqual(topicFileOf(fullExample()), {
    partitions: 12,
    replicas: 3,
    minInSyncReplicas: 2,
    retentionMs: 30 * 24 * 3600 * 1000,
    config: { 'segment.bytes': '268435456' },
  });
});

test('a topic that grows restarts no pod', () => {
  const templateOf = (partitions: number) => {
    const { pipeline, facts } = exampleOf(changed(minimalDraft(), { 'kafka.topic.partitions': partitions }));
    return buildPodTemplate(pipeline, facts, 'aggregator');
  };
  assert.deepEqual(templateOf(12), templateOf(6));
});

test('a topic of Strimzi and an External topic are left alone', () => {
  for (const example of [strimziExample(), foreignExample()]) {
    const names = Object.keys(environmentOf(example, 'aggregator'));
    assert.deepEqual(
      names.filter((name) => name.startsWith('SUMPIPELINE_TOPIC_')),
      [],
    );
    assert.equal(topicFileOf(example), undefined);
  }
});

test('with one replica one replica in sync is required', () => {
  const spec = topicFileOf(exampleOf(changed(minimalDraft(), { 'kafka.topic.replicas': 1 })));
  assert.equal(spec?.replicas, 1);
  assert.equal(spec.minInSyncReplicas, 1);
});

test("the CA of Strimzi's listener is named with its origin", () => {
  const env = environmentOf(strimziExample(), 'calculator');
  assert.equal(env['SUMPIPELINE_KAFKA_TLS'], 'true');
  assert.equal(
    env['SUMPIPELINE_KAFKA_CA_SOURCE'],
    'ConfigMap orders-kafka-ca, key ca.crt (from Kafka kafka/main, listener scram)',
  );
});
