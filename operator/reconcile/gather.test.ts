import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { labelKeys, ownerLabels } from '#contract/labels.ts';
import type { Availability } from '#kube/cache/reflector.ts';
import { Store } from '#kube/cache/store.ts';
import type { KubeObject, Live, Resource } from '#kube/client/object.ts';
import { parsePipeline } from '#operator/api/parse.ts';
import { type Changes, changed, minimalDraft, strimziDraft } from '#operator/api/testing/samples.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { ownedKinds } from '#operator/desired/childKinds.ts';
import { gather, type Reader, type Readers } from './gather.ts';
import { byPipeline, pipelineKeysOf } from './keys.ts';
import { apiServices, childResource, kafkas, kafkaTopics, pods, prometheuses } from './resources.ts';

const ref = { namespace: 'shop', name: 'orders' };
const labels = ownerLabels(ref);

function pipelineOf(draft: object): SumPipeline {
  const parsed = parsePipeline(draft);
  assert.ok(parsed.ok);
  return parsed.value;
}
const minimal = pipelineOf(minimalDraft());
const strimzi = (changes: Changes = {}) => pipelineOf(changed(strimziDraft(), changes));

function reader<T extends KubeObject>(
  resource: Resource<T>,
  availability: Availability,
  ...items: Live<T>[]
): Reader<T> {
  const store = new Store<T>({ [byPipeline]: pipelineKeysOf });
  store.replace(items, '1');
  return { resource, store, availability };
}

function live(kind: string, metadata: Partial<Live['metadata']>, more: object = {}): Live {
  const identity = {
    name: kind.toLowerCase(),
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
  };
  return { apiVersion: 'v1', kind, metadata: { ...identity, ...metadata }, ...more };
}

/** Makes readers with the given objects. By default every kind is readable and has no objects. */
function readers(
  given: {
    children?: Reader[];
    pods?: Readers['pods'];
    kafka?: Readers['kafka'];
    apiServices?: Live[];
    prometheuses?: Readers['prometheuses'];
  } = {},
): Readers {
  const kinds = ownedKinds.filter(({ namespace }) => namespace === 'pipeline').map(({ kind }) => kind);
  return {
    children: kinds.map(
      (kind) => given.children?.find(({ resource }) => resource.kind === kind) ?? reader(childResource(kind), 'synced'),
    ),
    pods: given.pods ?? reader(pods, 'synced'),
    apiServices: reader(apiServices, 'synced', ...(given.apiServices ?? [])),
    prometheuses: given.prometheuses ?? reader(prometheuses, 'synced'),
    kafka: given.kafka,
  };
}
const look = (pipeline: SumPipeline, given: Parameters<typeof readers>[0] = {}) =>
  gather(pipeline, readers(given), { operatorImage: 'image:1', serverMinor: 37 });

describe('what belongs to a pipeline', () => {
  test('has its labels and is in the namespace where we would make it', () => {
    const services = reader(
      childResource('Service'),
      'synced',
      live('Service', { name: 'ours', labels }),
      live('Service', { name: 'elsewhere', namespace: 'other', labels }),
      live('Service', { name: 'of-another', labels: ownerLabels({ ...ref, name: 'another' }) }),
      live('Service', { name: 'without' }),
    );
    const world = look(minimal, { children: [services] });
    assert.deepEqual(
      world.live.map(({ metadata }) => metadata.name),
      ['ours'],
    );
  });

  test('is not known for a kind that cannot be listed, and the kind is named', () => {
    const services = reader(childResource('Service'), 'forbidden', live('Service', { labels }));
    const world = look(minimal, { children: [services, reader(childResource('ServiceMonitor'), 'notInstalled')] });
    assert.deepEqual(world.live, []);
    assert.deepEqual(world.blindTo, ['services']);
  });

  test('are pods of its namespace, by component', () => {
    const pod = (name: string, component: string, namespace = 'shop') =>
      live('Pod', { name, namespace, labels: { ...labels, [labelKeys.component]: component } });
    const seen = reader(
      pods,
      'synced',
      pod('a', 'aggregator'),
      pod('c', 'calculator'),
      pod('x', 'calculator', 'other'),
    );
    const world = look(minimal, { pods: seen });
    assert.deepEqual(
      Object.entries(world.pods).map(([component, list]) => [component, list.map(({ metadata }) => metadata.name)]),
      [
        ['calculator', ['c']],
        ['aggregator', ['a']],
      ],
    );
  });
});

describe('the connection to Kafka', () => {
  const listener = { name: 'scram', tls: true };
  const kafka = live(
    'Kafka',
    { name: 'main', namespace: 'kafka', annotations: { 'sumpipeline.dev/allowed-namespaces': '*' } },
    { spec: { kafka: { listeners: [listener] } }, status: { listeners: [{ name: 'scram', bootstrapServers: 'k:1' }] } },
  );
  const table: readonly (readonly [string, Availability, Availability, string])[] = [
    ['no list has ended', 'pending', 'pending', 'unknown'],
    ['Strimzi is absent', 'notInstalled', 'notInstalled', 'CRDNotInstalled'],
    ['no permission to list', 'forbidden', 'forbidden', 'AccessForbidden'],
    ['topics were not listed yet', 'synced', 'pending', 'unknown'],
    ['topics may not be listed', 'synced', 'forbidden', 'AccessForbidden'],
    ['the kind KafkaTopic is absent', 'synced', 'notInstalled', 'CRDNotInstalled'],
    ['both kinds can be listed', 'synced', 'synced', 'known'],
  ];
  const wayTo = (pipeline: SumPipeline, first: Availability, second: Availability) => {
    const world = look(pipeline, {
      kafka: { kafkas: reader(kafkas, first, kafka), topics: reader(kafkaTopics, second) },
    });
    assert.equal(world.facts !== undefined, world.kafka?.ok === true);
    if (world.kafka === undefined) return 'unknown';
    return world.kafka.ok ? 'known' : world.kafka.reason;
  };
  for (const [what, first, second, expected] of table) {
    test(`when ${what}: ${expected}`, () => assert.equal(wayTo(strimzi(), first, second), expected));
  }

  test('of an External topic needs no permission for topics', () => {
    const external = strimzi({ 'kafka.topic': { management: 'External', name: 'theirs' } });
    assert.equal(wayTo(external, 'synced', 'forbidden'), 'known');
  });

  test('by addresses needs no other object', () => assert.equal(look(minimal).kafka?.ok, true));

  test('is that of the pipeline’s own namespace when it names none', () => {
    const own = strimzi({ 'kafka.cluster.namespace': undefined });
    const world = look(own, {
      kafka: { kafkas: reader(kafkas, 'synced', kafka), topics: reader(kafkaTopics, 'synced') },
    });
    assert.ok(world.kafka?.ok === false);
    assert.match(world.kafka.message, /Kafka shop\/main does not exist/);
  });
});

describe('optional APIs', () => {
  test('are facts if they can be listed', () => {
    const monitors = (availability: Availability) =>
      look(minimal, { children: [reader(childResource('ServiceMonitor'), availability)] });
    assert.equal(monitors('synced').facts?.apis.monitoring, true);
    for (const availability of ['pending', 'notInstalled', 'forbidden'] as const) {
      assert.equal(monitors(availability).facts?.apis.monitoring, false);
    }
  });
});

describe('what the cluster can do for autoscaling', () => {
  const aggregatorLabels = { ...labels, [labelKeys.component]: 'aggregator' };
  const hpaOf = (behavior: object) =>
    reader(
      childResource('HorizontalPodAutoscaler'),
      'synced',
      live('HorizontalPodAutoscaler', { labels: aggregatorLabels }, { spec: { behavior } }),
    );
  const scalingOf = (minor: number, hpa?: Reader) =>
    gather(minimal, readers(hpa === undefined ? {} : { children: [hpa] }), {
      operatorImage: 'image:1',
      serverMinor: minor,
    }).facts?.scaling;

  test('an API server before 1.33 does not know the field tolerance', () => {
    assert.deepEqual([scalingOf(32)?.knowsTolerance, scalingOf(32)?.hasTolerance], [false, false]);
    assert.deepEqual([scalingOf(33)?.knowsTolerance, scalingOf(33)?.hasTolerance], [true, true]);
  });

  test('an API server that accepts the field and drops it has no tolerance', () => {
    const dropped = scalingOf(34, hpaOf({ scaleUp: { stabilizationWindowSeconds: 15 } }));
    assert.deepEqual([dropped?.knowsTolerance, dropped?.hasTolerance], [true, false]);
    const kept = scalingOf(34, hpaOf({ scaleUp: { stabilizationWindowSeconds: 15, tolerance: '0' } }));
    assert.equal(kept?.hasTolerance, true);
  });

  test('CPU is used where a program serves metrics.k8s.io and is available', () => {
    const apiService = (status: string) =>
      live(
        'APIService',
        { name: 'v1beta1.metrics.k8s.io', namespace: '' },
        {
          spec: { service: { namespace: 'kube-system', name: 'metrics-server' } },
          status: { conditions: [{ type: 'Available', status, reason: 'Seen' }] },
        },
      );
    const found = (status: string) => look(minimal, { apiServices: [apiService(status)] });
    assert.equal(found('True').facts?.scaling.hasResourceMetrics, true);
    assert.equal(found('False').facts?.scaling.hasResourceMetrics, false);
    assert.deepEqual(found('True').metricsApis.resource, { state: 'served', by: 'kube-system/metrics-server' });
    assert.deepEqual(found('True').metricsApis.external, { state: 'absent' });
  });

  test('kinds of autoscaling that are not installed block nothing', () => {
    const absent = ['ScaledObject', 'PrometheusRule', 'ServiceMonitor'].map((kind) =>
      reader(childResource(kind), 'notInstalled'),
    );
    const world = look(minimal, { children: absent });
    assert.deepEqual(world.blindTo, []);
    assert.deepEqual(world.scaling, { prometheusRules: 'notInstalled', scaledObjects: 'notInstalled' });
    assert.equal(world.facts?.apis.keda, false);
  });

  test('without permission to list HPAs nothing is decided', () => {
    const forbidden = reader(childResource('HorizontalPodAutoscaler'), 'forbidden');
    assert.deepEqual(look(minimal, { children: [forbidden] }).blindTo, ['horizontalpodautoscalers.autoscaling']);
  });
});
