import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePipeline } from '#operator/api/parse.ts';
import { minimalDraft } from '#operator/api/testing/samples.ts';
import { metadata, pod, verdict } from '#operator/observe/testing/samples.ts';
import type { World } from './gather.ts';
import { observeLog } from './review.ts';

const log = (topicId: string) => ({ epoch: 1, topic: 'shop.orders', clusterId: 'cluster', topicId });

/** As much of a world as it takes: one ready aggregator that reports this log, or none. */
function worldWith(reported: ReturnType<typeof log> | undefined): World {
  const parsed = parsePipeline(minimalDraft());
  assert.ok(parsed.ok);
  const data = { 'aggregator-1': JSON.stringify(verdict({ log: reported })) };
  const proof = { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('orders-proof'), data };
  const aggregator = reported === undefined ? [] : [pod('aggregator-1', { ready: true })];
  return { pipeline: parsed.value, live: [proof], pods: { calculator: [], aggregator } } as unknown as World;
}

test('the log that is counted stays known while no aggregator runs, and a report changes it', () => {
  assert.equal(observeLog(worldWith(undefined), undefined), undefined);
  assert.deepEqual(observeLog(worldWith(undefined), { log: log('A') }), log('A'));
  assert.deepEqual(observeLog(worldWith(log('B')), { log: log('A') }), log('B'));
});

test('a log of another topic is one of the pipeline that had the name before', () => {
  const other = { ...log('A'), topic: 'shop.orders-before' };
  assert.equal(observeLog(worldWith(other), { log: other }), undefined);
  assert.deepEqual(observeLog(worldWith(other), { log: log('B') }), log('B'));
});
