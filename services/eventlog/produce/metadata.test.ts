import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { plainLogSettings } from '#test/support/logSettings.ts';
import { BrokerConnections } from './connections.ts';
import { TopicMetadata } from './metadata.ts';

type Partition = [index: number, leader: number, epoch: number];

function build() {
  let changes = 0;
  const metadata = new TopicMetadata({
    settings: plainLogSettings('seed:9092', 'log'),
    connections: new BrokerConnections({ clientId: 'test', tls: undefined, sasl: undefined }),
    onChange: () => {
      changes += 1;
    },
  });
  /** Brokers 1 to 3 are at b1:1 to b3:3. */
  const take = (partitions: Partition[], options: { topicId?: string; errorCode?: number } = {}) =>
    metadata.take({
      brokers: [1, 2, 3].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: nodeId })),
      topics: [
        {
          errorCode: options.errorCode ?? 0,
          topicId: options.topicId ?? 'one',
          partitions: partitions.map(([partitionIndex, leaderId, leaderEpoch]) => ({
            errorCode: 0,
            partitionIndex,
            leaderId,
            leaderEpoch,
          })),
        },
      ],
    });
  return { metadata, take, changes: () => changes };
}

test('the highest leader epoch wins, even if an older response comes later', () => {
  const { metadata, take, changes } = build();
  take([[0, 1, 5]]);
  take([[0, 2, 6]]);
  take([[0, 1, 5]]);
  assert.deepEqual(metadata.leaderOf(0), { node: 2, epoch: 6, address: 'b2:2' });
  assert.equal(changes(), 2);
});

test('a response without new data is not a change', () => {
  const { metadata, take, changes } = build();
  take([[0, 1, 5]]);
  const leader = metadata.leaderOf(0);
  take([[0, 1, 5]]);
  assert.equal(metadata.leaderOf(0), leader);
  assert.equal(changes(), 1);
});

test('a partition without a leader has no address, the others keep theirs', () => {
  const { metadata, take } = build();
  take([
    [0, 1, 5],
    [1, 2, 5],
  ]);
  take([
    [0, -1, 6],
    [1, 2, 5],
  ]);
  assert.deepEqual([metadata.leaderOf(0)?.address, metadata.leaderOf(1)?.address], [undefined, 'b2:2']);
});

test('new partitions are known at once, and a broker that does not know them yet removes none', () => {
  const { metadata, take } = build();
  take([[0, 1, 0]]);
  take([
    [0, 1, 0],
    [1, 2, 0],
  ]);
  take([[0, 1, 0]]);
  assert.equal(metadata.partitionCount, 2);
});

test('a re-created topic replaces the old one: its epochs begin again', () => {
  const { metadata, take } = build();
  take([[0, 1, 9]]);
  take([[0, 2, 0]], { topicId: 'two' });
  assert.deepEqual([metadata.leaderOf(0)?.node, metadata.topicId], [2, 'two']);
});

describe('an error of the topic', () => {
  test('is thrown and changes nothing', () => {
    const { metadata, take } = build();
    take([[0, 1, 5]]);
    assert.throws(() => take([], { errorCode: 3 }), { apiId: 'UNKNOWN_TOPIC_OR_PARTITION' });
    assert.equal(metadata.partitionCount, 1);
  });
});
