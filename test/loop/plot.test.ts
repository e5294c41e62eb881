import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderPlot } from './plot.ts';
import type { Point } from './timeline.ts';

const point = (at: number, more: Partial<Point>): Point => ({
  at,
  offered: 0,
  incoming: undefined,
  lag: undefined,
  ownLag: undefined,
  capacity: undefined,
  desired: undefined,
  replicas: undefined,
  ready: undefined,
  hpaDesired: undefined,
  generation: undefined,
  ...more,
});

test('a gap in the values is a gap in the line, and a change of a whole number is a step', () => {
  const points = [point(0, { replicas: 1 }), point(10, {}), point(20, { replicas: 1 }), point(30, { replicas: 2 })];
  const svg = renderPlot('a <title> & more', { points, marks: [{ at: 5, text: 'x < y' }] });
  const [path = ''] = /d="M[^"]*"(?=[^>]*stroke="#2ca02c")/.exec(svg) ?? [];
  assert.equal(path.match(/M/g)?.length, 2, path);
  assert.match(path, /H[\d.]+V[\d.]+"$/);
  assert.match(svg, /a &lt;title&gt; &amp; more/);
  assert.match(svg, /x &lt; y/);
});

test('a mark that would be cut off at the edge is written to the left of its line', () => {
  const marks = [
    { at: 1, text: 'prometheus-adapter killed' },
    { at: 99, text: 'prometheus-adapter back' },
  ];
  const svg = renderPlot('marks', { points: [point(0, {}), point(100, {})], marks });
  assert.doesNotMatch(/<text[^>]*>prometheus-adapter killed/.exec(svg)?.[0] ?? '', /text-anchor="end"/);
  assert.match(/<text[^>]*>prometheus-adapter back/.exec(svg)?.[0] ?? '', /text-anchor="end"/);
});

test('an axis of pods has whole numbers', () => {
  const svg = renderPlot('pods', { points: [point(0, { replicas: 1 }), point(10, { replicas: 6 })], marks: [] });
  assert.match(svg, />8<\/text>/);
  assert.doesNotMatch(svg, />1\.5<\/text>/);
});
