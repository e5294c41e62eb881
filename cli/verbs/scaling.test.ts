import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseQuantity } from '#cli/api/externalMetrics.ts';
import type { KubernetesPipeline } from '#cli/connection/connection.ts';
import { explainScaling, readScaling } from './scaling.ts';

const numbers = {
  mode: 'hpa',
  drainSeconds: 60,
  desired: 6,
  computed: 6,
  lag: 52_000,
  incoming: 830.4,
  forLag: 4.2,
  forIncoming: 1.31,
  capacity: 240,
  partitions: 12,
  ineffective: 0,
};

describe('the text for the number of aggregators', () => {
  const table: [what: string, given: Parameters<typeof explainScaling>[0], words: string][] = [
    ['is the sum', numbers, '6 = 4.2 for 52,000 of lag in 60 s + 1.3 for 830/s, rounded to 12 partitions'],
    [
      'says when it is held',
      { ...numbers, desired: 4 },
      '4 (held; computed 6 = 4.2 for 52,000 of lag in 60 s + 1.3 for 830/s, rounded to 12 partitions)',
    ],
    [
      'is a recommendation in that mode',
      { ...numbers, mode: 'recommend' },
      'recommended: 6 = 4.2 for 52,000 of lag in 60 s + 1.3 for 830/s, rounded to 12 partitions',
    ],
    [
      'says when more replicas did not help',
      { ...numbers, lag: undefined, ineffective: 1 },
      '6; the last scale-up did not help, PostgreSQL is probably the limit',
    ],
    [
      'is absent',
      { ...numbers, desired: undefined },
      'no number is computed at present, so the replicas stay; see condition AutoscalingActive',
    ],
    ['cannot be read', { mode: 'hpa', drainSeconds: 60, problem: 'no' }, 'unknown: no'],
  ];
  for (const [what, given, words] of table) test(what, () => assert.equal(explainScaling(given), words));
});

test('quantities of the metrics API are read', () => {
  assert.deepEqual(['0', '6', '830m', '52k', '1500', '2M', '1Ki', ''].map(parseQuantity), [
    0,
    6,
    0.83,
    52_000,
    1500,
    2_000_000,
    undefined,
    undefined,
  ]);
});

test('every number is requested in the namespace and by the name of the pipeline', async () => {
  const asked: string[] = [];
  const pipeline: KubernetesPipeline = {
    ref: { namespace: 'shop', name: 'orders' },
    resource: { spec: { aggregator: { autoscaling: { mode: 'hpa', drainSeconds: 30 } } } },
    async request({ path, query }) {
      asked.push(`${path}?${query?.['labelSelector']}`);
      return { items: path.endsWith('_desired') ? [{ value: '6' }] : [] };
    },
  };
  const found = await readScaling(pipeline, new AbortController().signal);
  assert.equal(found?.desired, 6);
  assert.equal(found?.lag, undefined);
  const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/sumpipeline_aggregator_replicas_desired';
  assert.ok(asked.includes(`${path}?pipeline=orders`), asked.join('\n'));
});

test('a pipeline that does not scale sends no request', async () => {
  const pipeline: KubernetesPipeline = {
    ref: { namespace: 'shop', name: 'orders' },
    resource: { spec: { aggregator: { replicas: 2 } } },
    request: () => assert.fail('no request is expected'),
  };
  assert.equal(await readScaling(pipeline, new AbortController().signal), undefined);
});
