import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PrometheusClient } from '#lab/monitoring/query.ts';
import type { Dashboard } from '#tools/gen/dashboards/read.ts';
import { findProblems } from './expectations.ts';
import { checkVariables, watchPanels } from './sights.ts';

type Sample = Awaited<ReturnType<PrometheusClient['query']>>[number];

/** Makes a Prometheus client that returns the given results and refuses every other query. */
function fakePrometheus(answers: Readonly<Record<string, readonly Sample[]>>): PrometheusClient {
  return {
    async query(expression) {
      return answers[expression] ?? assert.fail(`unexpected query ${expression}`);
    },
    queryNumber: () => assert.fail('no number is requested'),
  };
}

function dashboard(...exprs: string[]): Dashboard {
  const place = { x: 0, y: 0, w: 8, h: 8 };
  const panels = exprs.map((expr) => ({
    type: 'timeseries',
    title: expr.replaceAll(/[^a-z]/g, ''),
    description: '',
    gridPos: place,
    targets: [{ refId: 'A', expr, legendFormat: 'all' }],
  }));
  const variable = { type: 'query', name: 'pod', query: { query: 'label_values(up, pod)' } };
  return { uid: 'one', title: 'One', panels, templating: { list: [variable] } };
}

const sample = (value: number, labels: Record<string, string> = {}): Sample => ({ value, labels });

test('a query without a result, a constant one and a changing one are distinguished', async () => {
  const answers: Record<string, readonly Sample[]> = { none: [], still: [sample(1)], moves: [sample(1)], comes: [] };
  const sights = watchPanels(
    new Map([['one', dashboard('none', 'still', 'moves', 'comes')]]),
    fakePrometheus(answers),
    {},
  );
  await sights.look();
  Object.assign(answers, { moves: [sample(2)], comes: [sample(3, { pod: 'a' })] });
  await sights.look();
  const { silent, unmoved } = findProblems(sights.all());
  assert.deepEqual(silent, ['one / none / all']);
  assert.deepEqual(unmoved, ['one / still / all']);
});

test('a result that is not a number does not count as a value', async () => {
  const sights = watchPanels(
    new Map([['one', dashboard('ratio')]]),
    fakePrometheus({ ratio: [sample(Number.NaN)] }),
    {},
  );
  await sights.look();
  assert.deepEqual(findProblems(sights.all()).silent, ['one / ratio / all']);
});

test('a panel of errors must have shown each of its faults above 0', () => {
  const sight = {
    dashboard: 'dependencies',
    panel: 'Appends by result',
    legend: '{{result}}',
    hasMoved: true,
    series: [
      { labels: { result: 'ok' }, lowest: 0, highest: 5 },
      { labels: { result: 'failed' }, lowest: 0, highest: 0 },
    ],
  };
  assert(findProblems([sight]).unseen.includes('dependencies / Appends by result: result failed'));
  assert(!findProblems([sight]).unseen.includes('dependencies / Appends by result: result ok'));
});

test('a variable that does not offer an existing value is named with the values that it offers', async () => {
  const client = fakePrometheus({ up: [sample(1, { pod: 'b' })] });
  assert.deepEqual(await checkVariables(new Map([['one', dashboard()]]), client, { pod: 'a' }), ['one: pod offers b']);
  assert.deepEqual(await checkVariables(new Map([['one', dashboard()]]), client, { pod: 'b' }), []);
});
