import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conditionTypes, statusSchema } from '#operator/api/status.ts';
import type { Status } from '#operator/api/types.ts';
import type { StatusInput } from './input.ts';
import { buildObstacleStatus, buildStatus, isSameStatus } from './status.ts';
import { input, readyWorkload, rollingOut } from './testing/samples.ts';

const good = input();
const withVerdict = (more: Partial<StatusInput['verdict']>) => input({ verdict: { ...good.verdict, ...more } });
const bad = (reason: string, message = 'bad') => ({ ok: false, reason, message });

/** Returns status and reason of a condition, such as `True Ready`. */
function said(status: Status, type: string): string {
  const condition = status.conditions?.find((one) => one.type === type);
  return condition === undefined ? 'absent' : `${condition.status} ${condition.reason}`;
}
const summary = (given: StatusInput) => {
  const status = buildStatus(given);
  return [said(status, 'Ready'), said(status, 'Reconciling'), said(status, 'Stalled')];
};

test('a good pipeline is ready, and its status is what the CRD accepts', () => {
  const status = buildStatus(good);
  assert.deepEqual(summary(good), ['True Ready', 'False Done', 'False NotStalled']);
  assert.deepEqual(statusSchema.parse(status), status);
  assert.deepEqual(status.calculator, { replicas: '2/2', endpoints: { http: 'http://c', grpc: 'c' } });
  assert.equal(status.observedGeneration, 2);
  assert.equal(status.conditions?.[0]?.message, '2 of 2 calculators and 2 of 2 aggregators are ready');
});

test('conditions are in reading order, and each has the observed generation', () => {
  const { conditions = [] } = buildStatus(good);
  assert.deepEqual(
    conditions.map(({ type }) => type),
    conditionTypes,
  );
  assert.ok(conditions.every(({ observedGeneration }) => observedGeneration === 2));
});

describe('Ready, Reconciling and Stalled', () => {
  const stalled = { kind: 'stalled', reason: 'NameConflict', message: 'taken' } as const;
  const waiting = { kind: 'waiting', reason: 'BeingDeleted', message: 'wait' } as const;
  const retry = { kind: 'retry', reason: 'Forbidden', message: 'no' } as const;
  const problem = { reason: 'NotPermitted', message: 'ask', needsSpecChange: false };
  const late = { ...rollingOut, state: 'failed', reason: 'ProgressDeadlineExceeded' } as const;

  const table: Record<string, readonly [StatusInput, readonly string[]]> = {
    'pods that start are progress': [
      input({ workloads: { calculator: readyWorkload, aggregator: rollingOut } }),
      ['False PodsNotReady', 'True PodsNotReady', 'False NotStalled'],
    ],
    'a deadline that passed stalls the pipeline': [
      input({ workloads: { calculator: late, aggregator: readyWorkload } }),
      ['False ProgressDeadlineExceeded', 'False Stalled', 'True ProgressDeadlineExceeded'],
    ],
    'unless an outage explains it: it ends by itself': [
      input({
        workloads: { calculator: late, aggregator: readyWorkload },
        verdict: { ...good.verdict, kafka: bad('Unreachable') },
      }),
      ['False Unreachable', 'True Unreachable', 'False NotStalled'],
    ],
    'a stalled issue comes first': [
      input({ issues: [retry, waiting, stalled], kafka: { problem, topic: undefined } }),
      ['False NameConflict', 'False Stalled', 'True NameConflict'],
    ],
    'a waiting issue comes before an issue that is retried': [
      input({ issues: [retry, waiting] }),
      ['False BeingDeleted', 'True BeingDeleted', 'False NotStalled'],
    ],
    'an issue of the pass comes before children that are not ready': [
      input({ issues: [retry], workloads: { calculator: readyWorkload, aggregator: rollingOut } }),
      ['False Forbidden', 'True Forbidden', 'False NotStalled'],
    ],
    'a retry is progress': [input({ issues: [retry] }), ['False Forbidden', 'True Forbidden', 'False NotStalled']],
    'a missing permission is waited for': [
      input({ kafka: { problem, topic: undefined } }),
      ['False NotPermitted', 'True NotPermitted', 'False NotStalled'],
    ],
    'a listener that does not exist needs a change of the spec': [
      input({
        kafka: { problem: { ...problem, reason: 'ListenerNotFound', needsSpecChange: true }, topic: undefined },
      }),
      ['False ListenerNotFound', 'False Stalled', 'True ListenerNotFound'],
    ],
    'a topic that is refused is waited for': [
      input({ kafka: { problem: undefined, topic: { state: 'failed', reason: 'NotSupported', message: 'no' } } }),
      ['False NotSupported', 'True NotSupported', 'False NotStalled'],
    ],
    'a schema that belongs to another pipeline stalls the pipeline': [
      withVerdict({ store: bad('StoreInUse') }),
      ['False StoreInUse', 'False Stalled', 'True StoreInUse'],
    ],
    'a database that is down is waited for': [
      withVerdict({ store: bad('Unreachable') }),
      ['False Unreachable', 'True Unreachable', 'False NotStalled'],
    ],
    'a database that keeps aggregators from checking Kafka is the problem, not Kafka': [
      withVerdict({ store: bad('SecretMissing'), kafka: bad('Unknown') }),
      ['False SecretMissing', 'True SecretMissing', 'False NotStalled'],
    ],
    'a halted partition stalls the pipeline': [
      withVerdict({ halts: [{ partition: 3, reason: 'LogGap', message: 'gap' }] }),
      ['False LogGap', 'False Stalled', 'True LogGap'],
    ],
    'a partition that does not move is waited for': [
      withVerdict({ stuck: [{ partition: 3, reason: 'PartitionStuck', message: 'locked' }] }),
      ['False PartitionStuck', 'True PartitionStuck', 'False NotStalled'],
    ],
    'an unknown Kafka blocks nothing': [
      withVerdict({ kafka: undefined }),
      ['True Ready', 'False Done', 'False NotStalled'],
    ],
    'neither a total that is not exact, nor weak durability, nor missing monitors, nor drift touch Ready': [
      input({
        monitoring: { state: 'crdNotInstalled' },
        drift: ['x added y'],
        verdict: {
          ...good.verdict,
          durability: bad('OneReplica'),
          exact: { status: 'False', reason: 'LawViolated', message: 'no' },
        },
      }),
      ['True Ready', 'False Done', 'False NotStalled'],
    ],
  };
  for (const [what, [given, expected]] of Object.entries(table)) {
    test(what, () => assert.deepEqual(summary(given), expected));
  }
});

describe('the conditions behind them', () => {
  const table: Record<string, readonly [StatusInput, string, string]> = {
    'Kafka is ready when the aggregators say so': [good, 'KafkaReady', 'True Connected'],
    'Kafka is not known before an aggregator reports': [
      withVerdict({ kafka: undefined }),
      'KafkaReady',
      'Unknown NotReported',
    ],
    'Kafka is not known before an aggregator checks it': [
      withVerdict({ store: bad('SecretMissing'), kafka: bad('Unknown') }),
      'KafkaReady',
      'Unknown NotAsked',
    ],
    'monitoring that is not wanted is fine': [good, 'ObservabilityReady', 'True Disabled'],
    'monitors exist': [input({ monitoring: { state: 'ready' } }), 'ObservabilityReady', 'True Monitored'],
    'monitors are made': [input({ monitoring: { state: 'pending' } }), 'ObservabilityReady', 'Unknown Pending'],
    'their CRD is missing': [
      input({ monitoring: { state: 'crdNotInstalled' } }),
      'ObservabilityReady',
      'False CRDNotInstalled',
    ],
    'they may not be listed': [
      input({ monitoring: { state: 'forbidden' } }),
      'ObservabilityReady',
      'False AccessForbidden',
    ],
    'strong durability is not weak': [good, 'DurabilityWeak', 'False Durable'],
    'weak durability is': [withVerdict({ durability: bad('OneReplica') }), 'DurabilityWeak', 'True OneReplica'],
    'no aggregator has checked': [withVerdict({ durability: undefined }), 'DurabilityWeak', 'Unknown NotReported'],
    'an aggregator could not check yet': [
      withVerdict({ durability: { ok: true, reason: 'Unknown', message: '' } }),
      'DurabilityWeak',
      'Unknown NotReported',
    ],
    'drift is named': [input({ drift: ['a added b', 'c added d'] }), 'Drifted', 'True SecurityFieldsAdded'],
    'exactness is passed on': [good, 'TotalExact', 'True Exact'],
  };
  for (const [what, [given, type, expected]] of Object.entries(table)) {
    test(`${type}: ${what}`, () => assert.equal(said(buildStatus(given), type), expected));
  }

  test('reports of the aggregators explain pods for which a Deployment has no cause', () => {
    const workloads = { calculator: rollingOut, aggregator: rollingOut };
    const status = buildStatus(
      input({ workloads, verdict: { ...good.verdict, kafka: bad('SecretMissing', 'Secret x is missing') } }),
    );
    const condition = status.conditions?.find(({ type }) => type === 'WorkloadsReady');
    assert.equal(condition?.reason, 'SecretMissing');
    assert.match(condition?.message ?? '', /pods are not ready yet: Secret x is missing/);
  });

  test('the cause that a pod itself reports is kept', () => {
    const crashing = { ...rollingOut, reason: 'OOMKilled', message: 'too small' };
    const given = input({
      workloads: { calculator: crashing, aggregator: readyWorkload },
      verdict: { ...good.verdict, kafka: bad('Unreachable') },
    });
    assert.equal(said(buildStatus(given), 'WorkloadsReady'), 'False OOMKilled');
  });

  test('an arbitrary reason in the proof becomes CamelCase', () => {
    for (const [written, shown] of [
      ['not a reason!', 'notareason'],
      ['', 'Unknown'],
      ['1st', 'st'],
      ['x'.repeat(500), 'x'.repeat(128)],
    ] as const) {
      const status = buildStatus(
        withVerdict({ exact: { status: 'False', reason: written, message: 'm'.repeat(9000) } }),
      );
      assert.equal(said(status, 'TotalExact'), `False ${shown}`);
      assert.deepEqual(statusSchema.parse(status), status);
    }
  });
});

describe('time', () => {
  const later = '2026-01-02T00:00:00Z';
  const timeOf = (status: Status, type: string) =>
    status.conditions?.find((one) => one.type === type)?.lastTransitionTime;

  test('of a condition changes only with its status, not with reason or message', () => {
    const before = buildStatus(withVerdict({ store: bad('Unreachable') }));
    const after = buildStatus(
      input({ previous: before, now: later, verdict: { ...good.verdict, store: bad('AuthenticationFailed') } }),
    );
    assert.equal(said(after, 'Ready'), 'False AuthenticationFailed');
    assert.equal(timeOf(after, 'Ready'), good.now);
    const ready = buildStatus(input({ previous: after, now: later }));
    assert.equal(timeOf(ready, 'Ready'), later);
    assert.equal(timeOf(ready, 'TotalExact'), good.now);
  });

  test('alone changes nothing: the same facts later give the same status', () => {
    const status = buildStatus(good);
    assert.equal(isSameStatus(status, buildStatus(input({ previous: status, now: later }))), true);
  });
});

describe('whether a status has to be written', () => {
  const status = buildStatus(good);
  test('the order of keys and conditions does not count', () => {
    const { conditions = [], ...rest } = status;
    const shuffled = Object.fromEntries(Object.entries({ ...rest, conditions: conditions.toReversed() }).toReversed());
    assert.equal(isSameStatus(shuffled, status), true);
  });
  test('conditions of others do not count', () => {
    const [first] = status.conditions ?? [];
    assert.ok(first);
    const foreign = { ...status, conditions: [...(status.conditions ?? []), { ...first, type: 'Foreign' }] };
    assert.equal(isSameStatus(foreign, status), true);
  });
  test('every other difference counts', () => {
    assert.equal(isSameStatus(undefined, status), false);
    assert.equal(isSameStatus({ ...status, topic: 'other' }, status), false);
    assert.equal(isSameStatus({ ...status, conditions: status.conditions?.slice(1) }, status), false);
    const { image: _, ...without } = status;
    assert.equal(isSameStatus(status, without), false);
  });
});

test('an obstacle leaves the rest of the status as it was last seen', () => {
  const before = buildStatus(good);
  const obstacle = { kind: 'stalled', reason: 'InvalidSpec', message: 'spec.kafka: is missing' } as const;
  const after = buildObstacleStatus(before, obstacle, { generation: 3, now: '2026-01-02T00:00:00Z' });
  assert.equal(said(after, 'Stalled'), 'True InvalidSpec');
  assert.equal(said(after, 'TotalExact'), 'True Exact');
  assert.deepEqual(after.calculator, before.calculator);
  assert.equal(after.observedGeneration, 3);
  assert.deepEqual(
    buildObstacleStatus(undefined, obstacle, { generation: undefined, now: good.now }).conditions?.length,
    3,
  );
});
