import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Measurements } from './measurements.ts';

describe('measurements', () => {
  test('returns percentiles with an error below one percent', () => {
    const measurements = new Measurements();
    for (let ms = 1; ms <= 1000; ms++) measurements.add('sumpipeline_acknowledgement', ms);
    const {
      'p(50)': median = 0,
      'p(99)': late = 0,
      count,
    } = measurements.statistics()['sumpipeline_acknowledgement'] ?? {};
    assert.equal(count, 1000);
    assert.ok(Math.abs(median - 500) < 10 && Math.abs(late - 990) < 15, `${median} ${late}`);
  });

  test('returns shares of rates, sums of counters, and dropped visits', () => {
    const measurements = new Measurements();
    for (const value of [1, 1, 0, 1]) measurements.add('sumpipeline_additions_answered', value);
    measurements.add('sumpipeline_journal_verified', 40);
    measurements.add('sumpipeline_journal_verified', 2);
    measurements.drop();
    const statistics = measurements.statistics();
    assert.deepEqual(statistics['sumpipeline_additions_answered'], { rate: 0.75, count: 4 });
    assert.deepEqual(statistics['sumpipeline_journal_verified'], { count: 42 });
    assert.deepEqual(statistics['dropped_iterations'], { count: 1 });
    assert.equal(statistics['sumpipeline_freshness'], undefined, 'a metric without measurements is absent');
  });
});
