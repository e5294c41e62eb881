import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { parseStrimziKafka, type StrimziKafka } from '#operator/api/strimzi.ts';
import { type Changes, changed, minimalDraft, strimziDraft } from '#operator/api/testing/samples.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { isNamespaceAllowed, type ObservedKafka, resolveKafka } from './kafka.ts';

function pipelineOf(changes: Changes = {}): SumPipeline {
  const parsed = parsePipelineStrictly(changed(strimziDraft(), changes));
  assert.ok(parsed.ok);
  return parsed.value;
}

interface KafkaOptions {
  readonly namespace?: string;
  readonly allowed?: string;
  readonly tls?: boolean;
  readonly status?: unknown;
}

const listener = { name: 'scram', bootstrapServers: 'b-1:9094,b-2:9094', certificates: ['first\n', 'second\n'] };

function kafkaOf(options: KafkaOptions = {}): StrimziKafka {
  const { namespace = 'kafka', allowed = 'shop', tls = true, status = { listeners: [listener] } } = options;
  const parsed = parseStrimziKafka({
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'Kafka',
    metadata: { name: 'main', namespace, annotations: { 'sumpipeline.dev/allowed-namespaces': allowed } },
    spec: {
      kafka: {
        listeners: [
          { name: 'plain', tls: false },
          { name: 'scram', tls },
        ],
      },
    },
    status,
  });
  assert.ok(parsed);
  return parsed;
}

const found = (options: KafkaOptions = {}): ObservedKafka => ({ state: 'found', kafka: kafkaOf(options) });

describe('Kafka cannot be used yet, and the message says what to do', () => {
  const unready = { conditions: [{ type: 'NotReady', status: 'True', message: 'no quorum' }] };
  const cases: { name: string; changes?: Changes; observed?: ObservedKafka; reason: string; message: RegExp }[] = [
    { name: 'not looked up', reason: 'KafkaNotFound', message: /^Kafka kafka\/main does not exist: create it/ },
    { name: 'absent', observed: { state: 'absent' }, reason: 'KafkaNotFound', message: /does not exist/ },
    {
      name: 'no rights',
      observed: { state: 'forbidden' },
      reason: 'AccessForbidden',
      message: /as an owner of namespace kafka, run "kubectl apply -k manifests\/kafka-access -n kafka"$/,
    },
    {
      name: 'no Strimzi',
      observed: { state: 'crdNotInstalled' },
      reason: 'CRDNotInstalled',
      message: /install Strimzi/,
    },
    {
      name: 'no consent',
      observed: found({ allowed: 'sales' }),
      reason: 'NotPermitted',
      message: /does not permit pipelines of namespace shop: add .* sumpipeline.dev\/allowed-namespaces/,
    },
    {
      name: 'the topic of another tenant',
      changes: { 'kafka.topic.name': 'sales.orders' },
      observed: found(),
      reason: 'TopicNameNotPermitted',
      message: /sales.orders does not begin with shop\./,
    },
    {
      name: 'no such listener',
      changes: { 'kafka.cluster.listener': 'tls' },
      observed: found(),
      reason: 'ListenerNotFound',
      message: /has no listener tls, it has plain, scram/,
    },
    {
      name: 'no address yet',
      observed: found({ status: unready }),
      reason: 'KafkaNotReady',
      message: /no address for listener scram yet: no quorum$/,
    },
  ];
  for (const { name, changes, observed, reason, message } of cases) {
    test(name, () => {
      const resolved = resolveKafka(pipelineOf(changes), observed);
      assert.ok(!resolved.ok);
      assert.equal(resolved.reason, reason);
      assert.match(resolved.message, message);
    });
  }
});

test('address, TLS and CA come from the status of the Kafka', () => {
  assert.deepEqual(resolveKafka(pipelineOf(), found()), {
    ok: true,
    kafka: { bootstrapServers: ['b-1:9094', 'b-2:9094'], tls: true, caPem: 'first\nsecond\n' },
  });
});

test('a listener without TLS needs no CA', () => {
  assert.deepEqual(resolveKafka(pipelineOf(), found({ tls: false })), {
    ok: true,
    kafka: { bootstrapServers: ['b-1:9094', 'b-2:9094'], tls: false },
  });
});

test('an External topic may have any name', () => {
  const pipeline = pipelineOf({ 'kafka.topic': { management: 'External', name: 'sales.orders' } });
  assert.equal(resolveKafka(pipeline, found()).ok, true);
});

test('with bootstrapServers nothing has to be looked up', () => {
  const parsed = parsePipelineStrictly(changed(minimalDraft(), { 'kafka.tls': {} }));
  assert.ok(parsed.ok);
  assert.deepEqual(resolveKafka(parsed.value), { ok: true, kafka: { bootstrapServers: ['kafka-1:9096'], tls: true } });
});

describe('a Kafka permits', () => {
  const cases: [string, KafkaOptions, boolean][] = [
    ['its own namespace', { namespace: 'shop', allowed: '' }, true],
    ['a namespace that is named', { allowed: 'shop' }, true],
    ['a namespace that is named among others', { allowed: 'sales, shop ,x' }, true],
    ['every namespace with *', { allowed: '*' }, true],
    ['no other namespace', { allowed: 'sales' }, false],
    ['no other namespace without the annotation', { allowed: '' }, false],
    ['no namespace that is part of a name', { allowed: 'shop-2,myshop' }, false],
    ['no namespace by a pattern', { allowed: 'sh*' }, false],
  ];
  for (const [name, options, expected] of cases) {
    test(name, () => assert.equal(isNamespaceAllowed('shop', kafkaOf(options)), expected));
  }
});

test('an object that is not a Kafka of Strimzi v1 gives undefined, not an exception', () => {
  for (const value of [undefined, null, 3, {}, { metadata: {} }]) assert.equal(parseStrimziKafka(value), undefined);
});
