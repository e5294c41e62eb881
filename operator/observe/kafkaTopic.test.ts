import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeKafkaTopic } from './kafkaTopic.ts';
import type { LiveCondition, LiveKafkaTopic } from './objects.ts';
import { metadata } from './testing/samples.ts';

function topic(conditions: LiveCondition[] | undefined, observedGeneration = 1): LiveKafkaTopic {
  const status = conditions === undefined ? {} : { status: { observedGeneration, conditions } };
  return {
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'KafkaTopic',
    metadata: metadata('t', { generation: 1 }),
    ...status,
  };
}

const leaving: LiveKafkaTopic = {
  ...topic([]),
  metadata: metadata('t', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
};

const table = [
  ['absent', undefined, 'progressing', 'TopicNotCreated'],
  ['never seen by Strimzi', topic(undefined), 'progressing', 'TopicPending'],
  ['newer than the report of Strimzi', topic([{ type: 'Ready', status: 'True' }], 0), 'progressing', 'TopicPending'],
  ['without a result of Strimzi', topic([]), 'progressing', 'TopicPending'],
  ['ready', topic([{ type: 'Ready', status: 'True' }]), 'ready', 'Ready'],
  ['unmanaged by a user', topic([{ type: 'Unmanaged', status: 'True' }]), 'ready', 'Ready'],
  [
    'refused',
    topic([{ type: 'Ready', status: 'False', reason: 'NotSupported', message: 'no' }]),
    'failed',
    'NotSupported',
  ],
  [
    'refused, in the older form',
    topic([{ type: 'NotReady', status: 'True', reason: 'KafkaError' }]),
    'failed',
    'KafkaError',
  ],
  ['being deleted', leaving, 'progressing', 'TopicBeingDeleted'],
] as const;

for (const [what, object, state, reason] of table) {
  test(`a KafkaTopic that is ${what} is ${state} with reason ${reason}`, () => {
    const health = observeKafkaTopic('shop.orders', object);
    assert.deepEqual([health.state, health.reason], [state, reason]);
    assert.match(health.message, /^KafkaTopic shop.orders/);
  });
}

test("Strimzi's own message is passed on", () => {
  const refused = topic([{ type: 'Ready', status: 'False', reason: 'NotSupported', message: 'cannot shrink' }]);
  assert.equal(observeKafkaTopic('t', refused).message, 'KafkaTopic t: cannot shrink');
});
