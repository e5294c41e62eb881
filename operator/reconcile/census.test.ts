import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operatorMetrics } from '#operator/metrics.ts';
import { buildStatus } from '#operator/status/status.ts';
import { input } from '#operator/status/testing/samples.ts';
import { createMetrics } from '#platform/metrics.ts';
import { createCensus } from './census.ts';

test('pipelines are counted by state and by exactness until they are deleted', async () => {
  const { metrics, exposition } = createMetrics(operatorMetrics, { processMetrics: false });
  const census = createCensus(metrics);
  const count = async (series: string) =>
    Number((await exposition.render()).split(`sumpipeline_operator_${series} `)[1]?.split('\n')[0]);
  const ready = buildStatus(input());
  const stalled = buildStatus(input({ issues: [{ kind: 'stalled', reason: 'R', message: 'm' }] }));

  census.see('shop/a', ready);
  census.see('shop/b', ready);
  census.see('shop/c', undefined);
  assert.equal(await count('pipelines{state="ready"}'), 2);
  assert.equal(await count('pipelines{state="reconciling"}'), 1);
  assert.equal(await count('pipelines_exact{status="True"}'), 2);

  census.see('shop/a', stalled);
  census.see('shop/b', ready, { isDeleting: true });
  census.forget('shop/c');
  assert.equal(await count('pipelines{state="ready"}'), 0);
  assert.equal(await count('pipelines{state="stalled"}'), 1);
  assert.equal(await count('pipelines{state="deleting"}'), 1);
  assert.equal(await count('pipelines{state="reconciling"}'), 0);
});
