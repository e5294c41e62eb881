import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { aggregatorMetrics, calculatorMetrics } from '#contract/metrics.ts';
import { recordedSeries } from '#contract/scaling.ts';
import { operatorMetrics } from '#operator/metrics.ts';
import type { Catalogue } from '#platform/metrics.ts';
import { expandQuery, parseLabelValues } from './expand.ts';
import { type Dashboard, queryVariables, readDashboards } from './read.ts';

const dashboards = readDashboards(join(import.meta.dirname, '..', '..', '..'));

/** Metrics of prom-client, in every process. */
const processSeries = [
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
];
const partsOf = { counter: [''], gauge: [''], histogram: ['_bucket', '_sum', '_count'] };
const seriesOf = (catalogue: Catalogue) =>
  Object.entries(catalogue).flatMap(([name, { type }]) => partsOf[type].map((part) => `${name}${part}`));
const known = new Set([
  ...[calculatorMetrics, aggregatorMetrics, operatorMetrics].flatMap(seriesOf),
  ...Object.values(recordedSeries),
  ...processSeries,
]);

/**
 * Finds the series of a query: the names before its selectors. All our queries select by labels, so no series is
 * missed.
 */
const selected = (expr: string) => [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{/g)].map(([, name = '']) => name);

const grafanaUnits = ['none', 'short', 's', 'bytes', 'percentunit', 'ops', 'reqps'];

for (const [name, dashboard] of dashboards) {
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  describe(`dashboard ${name}`, () => {
    test('names only series that a catalogue or the rules have', () => {
      const unknown = queriesIn(dashboard).flatMap((expr) => selected(expr).filter((series) => !known.has(series)));
      assert.deepEqual(unknown, []);
    });

    test('selects by its variables in every query', () => {
      const labels = name === 'operator' ? 'job="$job"' : 'namespace="$namespace",pipeline="$pipeline"';
      for (const { title, targets } of panels) {
        for (const { expr } of targets) {
          const selectors = [...expr.matchAll(/\{[^}]*\}/g)].map(([text]) => text);
          assert(selectors.length > 0, title);
          assert.deepEqual(
            selectors.filter((text) => !text.startsWith(`{${labels}`)),
            [],
            `${title}: ${expr}`,
          );
        }
      }
    });

    test('shows no value if none is known', () => {
      for (const expr of queriesIn(dashboard)) assert.doesNotMatch(expr, /or vector\(0\)/);
    });

    test('uses only functions of Grafana that the checks expand', () => {
      const values = { ...checkValues, namespace: 'shop', pipeline: 'orders', job: 'operator' };
      for (const expr of queriesIn(dashboard)) assert.doesNotMatch(expandQuery(expr, values), /\$/);
      for (const query of Object.values(queryVariables(dashboard))) parseLabelValues(query);
    });

    test('has a title, a description, a unit and a query in every panel', () => {
      for (const { title, description, fieldConfig, targets } of panels) {
        assert(title.length > 0 && description.length > 20, title);
        assert(grafanaUnits.includes(fieldConfig?.defaults.unit ?? ''), `${title}: ${fieldConfig?.defaults.unit}`);
        assert(targets.length > 0, title);
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      }
      const titles = panels.map(({ title }) => title);
      assert.deepEqual(titles, [...new Set(titles)]);
    });

    test('names in a legend only labels that the query keeps', () => {
      for (const { title, targets } of panels) {
        for (const { expr, legendFormat } of targets) {
          for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
            const isKept =
              !/\bby \(|^(sum|max|min|count)\(/.test(expr) || new RegExp(`by \\([^)]*\\b${label}\\b`).test(expr);
            assert(isKept, `${title}: ${label} is not in ${expr}`);
          }
        }
      }
    });

    test('has no panels that overlap or leave the 24 columns', () => {
      const cells = new Map<string, string>();
      for (const { title, gridPos } of dashboard.panels) {
        assert(gridPos.w > 0 && gridPos.h > 0 && gridPos.x + gridPos.w <= 24, title);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            const cell = `${x},${y}`;
            assert.equal(cells.get(cell), undefined, `${title} overlaps ${cells.get(cell)}`);
            cells.set(cell, title);
          }
        }
      }
    });
  });
}

const checkValues = { __rate_interval: '1m', __range: '1h' };

test('every metric of every process has a panel', () => {
  const shown = new Set([...dashboards.values()].flatMap(queriesIn).flatMap(selected));
  const isShown = (name: string) => ['', '_bucket', '_sum', '_count'].some((part) => shown.has(`${name}${part}`));
  const names = [calculatorMetrics, aggregatorMetrics, operatorMetrics].flatMap((catalogue) => Object.keys(catalogue));
  assert.deepEqual(
    names.filter((name) => !isShown(name)),
    [],
  );
});

describe('a query of Grafana', () => {
  test('is expanded with the values of its variables', () => {
    const values = { ...checkValues, namespace: 'shop' };
    assert.equal(
      expandQuery('sum(rate(a_total{namespace="$namespace"}[$__rate_interval]))', values),
      'sum(rate(a_total{namespace="shop"}[1m]))',
    );
  });

  test('is refused with an unknown variable', () => {
    assert.throws(() => expandQuery('a{b="$nothing"}', checkValues), /\$nothing has no value/);
  });

  test('is parsed when it requests the values of a label', () => {
    assert.deepEqual(parseLabelValues('label_values(a{b="c, d"}, e)'), { selector: 'a{b="c, d"}', label: 'e' });
    assert.throws(() => parseLabelValues('label_values(a)'), /is not label_values\(selector, label\)/);
  });
});

function queriesIn(dashboard: Dashboard): string[] {
  const ofPanels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const ofVariables = Object.values(queryVariables(dashboard)).map((query) => parseLabelValues(query).selector);
  return [...ofPanels, ...ofVariables];
}
