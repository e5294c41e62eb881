import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeOwnTopic } from './ownTopic.ts';

const topic = 'shop.orders';

test('a topic with fewer partitions than wanted is growing', () => {
  assert.deepEqual(observeOwnTopic({ topic, wanted: 12, found: 6 }), {
    state: 'progressing',
    reason: 'TopicGrowing',
    message:
      'topic shop.orders has 6 partitions, and 12 are wanted: an aggregator adds the missing partitions after the kubelet has updated its files, within about two minutes',
  });
});

test('nothing is reported for a topic that is not read yet, or that has enough partitions', () => {
  for (const found of [undefined, 12, 24]) assert.equal(observeOwnTopic({ topic, wanted: 12, found }), undefined);
});
