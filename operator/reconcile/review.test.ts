import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePipeline } from '#operator/api/parse.ts';
import { minimalDraft } from '#operator/api/testing/samples.ts';
import { countedLogOf } from './review.ts';

const parsed = parsePipeline(minimalDraft());
assert.ok(parsed.ok);
const pipeline = parsed.value;
const log = (topicId: string) => ({ epoch: 1, topic: 'shop.orders', clusterId: 'cluster', topicId });

test('the log that is counted stays known while no aggregator runs, and a report changes it', () => {
  assert.equal(countedLogOf(pipeline, [], undefined), undefined);
  assert.deepEqual(countedLogOf(pipeline, [], { log: log('A') }), log('A'));
  assert.deepEqual(countedLogOf(pipeline, [log('B')], { log: log('A') }), log('B'));
});

test('a log of another topic belongs to an earlier pipeline of the same name and is ignored', () => {
  const other = { ...log('A'), topic: 'shop.orders-before' };
  assert.equal(countedLogOf(pipeline, [other], { log: other }), undefined);
  assert.deepEqual(countedLogOf(pipeline, [other], { log: log('B') }), log('B'));
});
