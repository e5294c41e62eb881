import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LiveObject, LivePrometheus, Selector } from './objects.ts';
import { explainUnselected } from './selection.ts';

const identity = { uid: 'u', resourceVersion: '1' };
const labels = { release: 'kps', team: 'a' };

function object(kind: string, name: string): LiveObject {
  return { apiVersion: 'monitoring.coreos.com/v1', kind, metadata: { ...identity, name, namespace: 'shop', labels } };
}

function prometheus(spec: LivePrometheus['spec'], name = 'k8s'): LivePrometheus {
  const metadata = { ...identity, name, namespace: 'monitoring' };
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Prometheus',
    metadata,
    ...(spec === undefined ? {} : { spec }),
  };
}

const everywhere: Selector = {};
/** Returns the explanation for one ServiceMonitor and one Prometheus with this selector. */
const saidOf = (serviceMonitorSelector: Selector | undefined, namespaces: Selector | undefined = everywhere) =>
  explainUnselected(
    [
      prometheus({
        ...(serviceMonitorSelector === undefined ? {} : { serviceMonitorSelector }),
        ...(namespaces === undefined ? {} : { serviceMonitorNamespaceSelector: namespaces }),
      }),
    ],
    [object('ServiceMonitor', 'orders-calculator')],
  );

describe('a monitor is selected', () => {
  for (const [what, selector] of [
    ['by a selector that is empty', {}],
    ['by the labels that it has', { matchLabels: { release: 'kps' } }],
    ['by expressions that hold', { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] }],
    ['by a label that is there', { matchExpressions: [{ key: 'team', operator: 'Exists' }] }],
    ['by a label that is not there', { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] }],
    ['by a value that it does not have', { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['b'] }] }],
    ['as far as is known, by an operator of a later version', { matchExpressions: [{ key: 'x', operator: 'Later' }] }],
  ] as const) {
    test(what, () => assert.equal(saidOf(selector), undefined));
  }

  test('when one of several Prometheuses selects it', () => {
    const strict = prometheus({ serviceMonitorSelector: { matchLabels: { no: 'no' } } }, 'strict');
    const open = prometheus({ serviceMonitorSelector: {}, serviceMonitorNamespaceSelector: {} }, 'open');
    assert.equal(explainUnselected([strict, open], [object('ServiceMonitor', 'm')]), undefined);
  });

  test('as far as is known, if no Prometheus exists, or if namespaces are selected by their labels', () => {
    assert.equal(explainUnselected([], [object('ServiceMonitor', 'm')]), undefined);
    assert.equal(saidOf({}, { matchLabels: { tier: 'gold' } }), undefined);
  });
});

describe('a monitor that no Prometheus selects is explained', () => {
  const begin =
    'no Prometheus selects all monitors and rules. ServiceMonitor orders-calculator: Prometheus monitoring/k8s';
  for (const [what, said, text] of [
    [
      'by the labels that are missing',
      saidOf({ matchLabels: { release: 'other', tier: 'gold' } }),
      'requires release=other and tier=gold; correct spec.monitoring.labels',
    ],
    [
      'by the expression that does not hold',
      saidOf({ matchExpressions: [{ key: 'team', operator: 'In', values: ['b', 'c'] }] }),
      'requires team in (b, c); correct spec.monitoring.labels',
    ],
    [
      'by the label that it must not have',
      saidOf({ matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }),
      'requires no label team; correct spec.monitoring.labels',
    ],
    [
      'by the selector that is not set',
      saidOf(undefined),
      'selects nothing, because its serviceMonitorSelector is not set',
    ],
    [
      'by the namespace that is not selected',
      saidOf({}, { matchLabels: { 'kubernetes.io/metadata.name': 'other' } }),
      'does not select namespace shop; set serviceMonitorNamespaceSelector of that Prometheus',
    ],
  ] as const) {
    test(what, () => assert.equal(said, `${begin} ${text}`));
  }

  test('by the namespace, when the Prometheus selects only its own', () => {
    const own = prometheus({ serviceMonitorSelector: {} });
    assert.match(explainUnselected([own], [object('ServiceMonitor', 'm')]) ?? '', /does not select namespace shop/);
  });
});

test('rules have selectors of their own', () => {
  const monitorsAlone = prometheus({
    serviceMonitorSelector: {},
    serviceMonitorNamespaceSelector: {},
    ruleNamespaceSelector: {},
  });
  assert.equal(
    explainUnselected([monitorsAlone], [object('ServiceMonitor', 'm'), object('PrometheusRule', 'orders-alerts')]),
    'no Prometheus selects all monitors and rules. PrometheusRule orders-alerts: Prometheus monitoring/k8s selects nothing, ' +
      'because its ruleSelector is not set',
  );
});

test('one Prometheus must select monitors and rules: rules read the metrics of the monitors', () => {
  const monitors = prometheus({ serviceMonitorSelector: {}, serviceMonitorNamespaceSelector: {} }, 'a');
  const rules = prometheus({ ruleSelector: {}, ruleNamespaceSelector: {} }, 'b');
  const objects = [object('ServiceMonitor', 'm'), object('PrometheusRule', 'r')];
  assert.match(explainUnselected([monitors, rules], objects) ?? '', /PrometheusRule r: Prometheus monitoring\/a/);
});

test('objects that are neither monitors nor rules are ignored', () => {
  assert.equal(explainUnselected([prometheus({})], [object('Deployment', 'orders-calculator')]), undefined);
});
