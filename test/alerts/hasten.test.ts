import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { hasten, hastenExpression } from './hasten.ts';

test('every duration of a rule is divided, and nothing else', () => {
  const rules = parse(
    hasten(
      {
        main: '{}',
        rules: {
          'a.yaml': `groups: [{name: a, interval: 15s, rules: [
            {alert: A, expr: "rate(x{l=\\"5m\\"}[5m]) > 60", for: 10m, labels: {severity: critical}},
            {record: b, expr: "sum_over_time(y[1h:1m]) - y offset 30s + 15"}]}]`,
        },
      },
      10,
    ).rules['a.yaml'] ?? '',
  );
  assert.deepEqual(rules.groups, [
    {
      name: 'a',
      interval: '1500ms',
      rules: [
        { alert: 'A', expr: 'rate(x{l="5m"}[30000ms]) > 60', for: '60000ms', labels: { severity: 'critical' } },
        { record: 'b', expr: 'sum_over_time(y[360000ms:6000ms]) - y offset 3000ms + 15' },
      ],
    },
  ]);
});

test('a group that only records keeps its time', () => {
  const rules = { 'a.yaml': 'groups: [{name: a, interval: 15s, rules: [{record: b, expr: "rate(x[1m])"}]}]' };
  assert.deepEqual(parse(hasten({ main: '{}', rules }, 10).rules['a.yaml'] ?? ''), parse(rules['a.yaml']));
});

test('scrapes are more frequent too, and leave a pod the time to respond', () => {
  const main = `
global: {scrape_interval: 30s, evaluation_interval: 30s, external_labels: {a: 1h}}
scrape_configs: [{job_name: a, scrape_interval: 15s, scrape_timeout: 10s, metrics_path: /metrics}]`;
  assert.deepEqual(parse(hasten({ main, rules: {} }, 10).main), {
    global: { scrape_interval: '3000ms', evaluation_interval: '3000ms', external_labels: { a: '1h' } },
    scrape_configs: [{ job_name: 'a', scrape_interval: '3000ms', scrape_timeout: '3000ms', metrics_path: '/metrics' }],
  });
});

test('a label that looks like a window stays', () => {
  assert.equal(hastenExpression('x{path=~"[1d]"}', 10), 'x{path=~"[1d]"}');
});
