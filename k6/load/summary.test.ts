import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatHtml, formatJunit, formatText } from './report.ts';
import { summarize } from './summary.ts';
import { formatThreshold, thresholdsFor } from './thresholds.ts';

const good = {
  sumpipeline_journal_agrees: { rate: 1 },
  sumpipeline_additions_answered: { rate: 1 },
  sumpipeline_acknowledgement: { 'p(99)': 12 },
  sumpipeline_freshness: { 'p(99)': 100 },
  sumpipeline_journal_acknowledged: { count: 10 },
  sumpipeline_journal_verified: { count: 10 },
};
const summaryOf = (metrics: Record<string, Record<string, number>>) =>
  summarize({ scenario: 'smoke', runId: '<run>', seed: 1, thresholds: thresholdsFor(1000), metrics });

describe('the summary of a load test', () => {
  test('passes when every objective holds and every journal was compared', () => {
    assert.equal(summaryOf(good).passed, true);
  });

  const failures = {
    'one final check that disagrees': { sumpipeline_journal_agrees: { rate: 0.999 } },
    'an availability below its objective': { sumpipeline_additions_answered: { rate: 0.99 } },
    'slow acknowledgements': { sumpipeline_acknowledgement: { 'p(99)': 10_000 } },
    'more dropped visits than one in a hundred': { dropped_iterations: { count: 11 } },
    'a journal that was not compared': { sumpipeline_journal_verified: { count: 9 } },
    'no acknowledged addition at all': {
      sumpipeline_journal_acknowledged: { count: 0 },
      sumpipeline_journal_verified: { count: 0 },
    },
  };
  for (const [what, changed] of Object.entries(failures)) {
    test(`fails for ${what}`, () => assert.equal(summaryOf({ ...good, ...changed }).passed, false));
  }

  test('fails for an objective that was not measured', () => {
    const { sumpipeline_freshness: _, ...rest } = good;
    assert.match(formatText(summaryOf(rest)), /FAILED sumpipeline_freshness .*not measured/);
  });

  test('escapes what it shows in HTML and XML', () => {
    const summary = summaryOf({ ...good, sumpipeline_acknowledgement: { 'p(99)': 10_000 } });
    assert.match(formatHtml(summary), /&lt;run&gt;/);
    assert.match(formatJunit(summary), /<failure message="latency/);
    assert.match(formatJunit(summary), /name="sumpipeline_acknowledgement p\(99\)&lt;=/);
  });

  test('writes thresholds as k6 does', () => {
    const latency = thresholdsFor(0).find(({ metric }) => metric === 'sumpipeline_acknowledgement');
    assert.ok(latency !== undefined);
    assert.match(formatThreshold(latency), /^p\(99\)<=\d+$/);
  });
});
