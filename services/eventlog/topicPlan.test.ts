import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { durabilityHealth } from './durability.ts';
import type { TopicSettings, WantedTopic } from './port.ts';
import { planTopic, wantedConfig } from './topicPlan.ts';

const found: TopicSettings = {
  partitions: 12,
  replicas: 3,
  minInSyncReplicas: 2,
  uncleanLeaderElection: false,
  cleanupPolicy: 'delete',
  timestampType: 'LogAppendTime',
  retentionMs: -1,
  retentionBytes: -1,
  compressionType: 'producer',
};
const wanted: WantedTopic = {
  isCounted: false,
  partitions: 12,
  replicas: 3,
  minInSyncReplicas: 2,
  retentionMs: -1,
  config: {},
};

describe('the durability verdict', () => {
  test('a topic that keeps what it acknowledged is durable', () => {
    assert.deepEqual(durabilityHealth(found).ok, true);
    assert.equal(durabilityHealth({ ...found, retentionMs: 8 * 86_400_000 }).ok, true);
  });
  const weak: [changes: Partial<TopicSettings>, message: RegExp][] = [
    [{ replicas: 1 }, /replication factor is 1/],
    [{ minInSyncReplicas: 1 }, /min\.insync\.replicas is 1/],
    [{ uncleanLeaderElection: true }, /unclean\.leader\.election\.enable is true/],
    [{ cleanupPolicy: 'compact,delete' }, /cleanup\.policy is compact,delete/],
    [{ timestampType: 'CreateTime' }, /message\.timestamp\.type is CreateTime/],
    [{ retentionMs: 3_600_000 }, /retention\.ms is 3600000 \(1 h\)/],
    [{ retentionBytes: 1_000 }, /retention\.bytes is 1000/],
  ];
  for (const [changes, message] of weak) {
    test(`weak: ${Object.entries(changes).flat().join(' ')}`, () => {
      const verdict = durabilityHealth({ ...found, ...changes });
      assert.deepEqual([verdict.ok, verdict.reason], [false, 'SettingsWeak']);
      assert.match(verdict.message, message);
    });
  }
  test('all weak settings are named in one message', () => {
    const { message } = durabilityHealth({ ...found, replicas: 1, minInSyncReplicas: 1, uncleanLeaderElection: true });
    assert.equal(message.split('; ').length, 3);
  });
});

test('the settings that durability needs cannot be overridden', () => {
  const config = wantedConfig({
    ...wanted,
    config: {
      'cleanup.policy': 'compact',
      'compression.type': 'zstd',
      'unclean.leader.election.enable': 'true',
      'segment.ms': '60000',
    },
  });
  assert.deepEqual(config, {
    'retention.bytes': '-1',
    'segment.ms': '60000',
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': 'false',
    'min.insync.replicas': '2',
    'retention.ms': '-1',
  });
});

describe('a topic that exists', () => {
  const asWanted = new Map(Object.entries(wantedConfig(wanted)));
  const plan = (changes: Record<string, string> = {}, partitions = 12, overrides: Record<string, string> = {}) =>
    planTopic(
      'log',
      {
        partitions,
        effective: new Map([...asWanted, ...Object.entries(changes)]),
        overrides: new Map(Object.entries(overrides)),
      },
      wanted,
    );

  test('is not changed when it is as wanted, or has more partitions', () => {
    const nothing = { kind: 'change', growTo: undefined, config: undefined, changes: [] };
    assert.deepEqual(plan(), nothing);
    assert.deepEqual(plan({}, 20), nothing);
  });

  test('grows to the wanted partitions', () => {
    const grown = plan({}, 3);
    assert.ok(grown.kind === 'change');
    assert.deepEqual([grown.growTo, grown.changes], [12, ['partitions 3 -> 12']]);
  });

  test('gets the wanted settings and keeps its other settings', () => {
    const changed = plan({ 'retention.ms': '1000', 'message.timestamp.type': 'CreateTime' }, 12, {
      'retention.ms': '1000',
      'segment.ms': '60000',
    });
    assert.ok(changed.kind === 'change');
    assert.deepEqual(changed.config, { 'segment.ms': '60000', ...wantedConfig(wanted) });
    assert.deepEqual(changed.changes.toSorted(), [
      'message.timestamp.type CreateTime -> LogAppendTime',
      'retention.ms 1000 -> -1',
    ]);
  });

  test('is refused when it compacts: it may have lost records, and probably belongs to another application', () => {
    const refused = plan({ 'cleanup.policy': 'compact' });
    assert.ok(refused.kind === 'conflict');
    assert.match(refused.message, /topic log exists with cleanup\.policy compact/);
  });
});
