import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Verdict } from '#contract/verdict.ts';
import type { LiveConfigMap, LivePod } from './objects.ts';
import { metadata, pod, verdict } from './testing/samples.ts';
import { observeVerdict } from './verdict.ts';

function proof(reports: Record<string, Partial<Verdict> | string>): LiveConfigMap {
  const data = Object.fromEntries(
    Object.entries(reports).map(([name, said]) => [
      name,
      typeof said === 'string' ? said : JSON.stringify(verdict(said)),
    ]),
  );
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata('orders-proof'), data };
}

const ready = (name: string): LivePod => pod(name, { ready: true });
const exactOf = (reports: Parameters<typeof proof>[0], ...pods: LivePod[]) =>
  observeVerdict(proof(reports), pods).exact;

test('only pods that reach Kafka and PostgreSQL report a stuck partition, and it is listed once', () => {
  const stuck = (message: string) => [{ partition: 3, reason: 'PartitionStuck', message }];
  const away = { ok: false, reason: 'Unreachable', message: 'away' };
  const reports = { a: { stuck: stuck('old'), kafka: away }, b: { stuck: stuck('new') }, c: { stuck: stuck('new') } };
  const pods = [ready('a'), ready('b'), ready('c')];
  assert.deepEqual(observeVerdict(proof(reports), pods).stuck, stuck('new'));
  assert.deepEqual(observeVerdict(proof({ a: reports.a }), pods).stuck, []);
});

test('the aggregator that has a partition knows why it is stuck better than those that do not have it', () => {
  const stuck = (reason: string) => [{ partition: 3, reason, message: reason }];
  const pods = [ready('a'), ready('b')];
  const [own, foreign] = [stuck('PartitionStuck'), stuck('PartitionUnclaimed')];
  assert.deepEqual(observeVerdict(proof({ a: { stuck: own }, b: { stuck: foreign } }), pods).stuck, own);
  assert.deepEqual(observeVerdict(proof({ a: { stuck: foreign }, b: { stuck: own } }), pods).stuck, own);
  assert.deepEqual(observeVerdict(proof({ a: { stuck: foreign }, b: { stuck: foreign } }), pods).stuck, foreign);
});

test('the counted logs are listed newest first', () => {
  const log = (epoch: number) => ({ epoch, topic: 'shop.orders', clusterId: 'cluster', topicId: `topic-${epoch}` });
  const reports = { a: { log: log(1) }, b: { log: log(2) }, c: {} };
  assert.deepEqual(observeVerdict(proof(reports), [ready('a'), ready('b'), ready('c')]).logs, [log(2), log(1)]);
  assert.deepEqual(observeVerdict(proof({ c: {} }), [ready('c')]).logs, []);
  const later = { log: { ...log(1), topicId: 'later' }, at: '2026-01-02T00:00:00Z' };
  const earlier = { log: log(1), at: '2026-01-01T00:00:00Z' };
  assert.equal(observeVerdict(proof({ a: earlier, b: later }), [ready('a'), ready('b')]).logs[0]?.topicId, 'later');
});

describe('TotalExact is the worst result of the ready aggregators', () => {
  const no = { exact: false, reason: 'LawViolated', message: 'partition 3: 1 missing' };
  const unsure = { exact: null, reason: 'Recounting', message: 'wait' };

  test('without an aggregator: unknown', () => {
    assert.equal(observeVerdict(undefined, []).exact.reason, 'NoReadyAggregator');
    assert.equal(exactOf({ a: {} }, pod('a')).status, 'Unknown');
  });
  test('all report exact: true', () => assert.equal(exactOf({ a: {}, b: {} }, ready('a'), ready('b')).status, 'True'));
  test('one reports not exact: false, with its message', () => {
    const { status, reason, message } = exactOf({ a: {}, b: no, c: unsure }, ready('a'), ready('b'), ready('c'));
    assert.deepEqual({ status, reason, message }, { status: 'False', reason: no.reason, message: no.message });
  });
  test('one does not know: unknown, with its message', () => {
    assert.deepEqual(exactOf({ a: {}, b: unsure }, ready('a'), ready('b')), {
      status: 'Unknown',
      reason: 'Recounting',
      message: 'wait',
    });
  });
  test('one has not reported: unknown, and it is named', () => {
    assert.deepEqual(exactOf({ a: {} }, ready('a'), ready('b')), {
      status: 'Unknown',
      reason: 'NotReported',
      message: 'aggregator b has not reported yet',
    });
  });
  test('one wrote an unreadable verdict: unknown, and the message says so', () => {
    assert.match(exactOf({ a: '{' }, ready('a')).message, /aggregator a wrote an unreadable verdict \(not JSON\)/);
    assert.match(exactOf({ a: '{"exact": true}' }, ready('a')).message, /unreadable/);
  });
  test('pods that are not ready, or gone, do not count', () => {
    const leaving = pod('c', { ready: true, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    assert.equal(exactOf({ a: {}, b: no, c: no, d: no }, ready('a'), pod('b'), leaving).status, 'True');
  });
});

test('problems with Kafka, the store and durability count from pods that are not ready', () => {
  const kafka = { ok: false, reason: 'AuthenticationFailed', message: 'Secret orders-kafka: refused' };
  const seen = observeVerdict(proof({ a: {}, b: { kafka } }), [ready('a'), pod('b')]);
  assert.deepEqual(seen.kafka, kafka);
  assert.equal(seen.store?.ok, true);
});

test('the verdict of a pod that has read the durability wins', () => {
  const durability = { ok: true, reason: 'Unknown', message: 'not read' };
  const seen = observeVerdict(proof({ a: { durability }, b: {} }), [ready('a'), ready('b')]);
  assert.equal(seen.durability?.reason, 'Durable');
});

test('the verdict of a pod that has checked Kafka wins, whatever the result', () => {
  const notAsked = { kafka: { ok: false, reason: 'Unknown', message: 'not connected yet' } };
  assert.equal(observeVerdict(proof({ a: notAsked, b: {} }), [ready('a'), ready('b')]).kafka?.ok, true);
  const kafka = { ok: false, reason: 'Unreachable', message: 'no' };
  assert.deepEqual(observeVerdict(proof({ a: notAsked, b: { kafka } }), [ready('a'), ready('b')]).kafka, kafka);
  assert.equal(observeVerdict(proof({ a: notAsked }), [ready('a')]).kafka?.reason, 'Unknown');
});

test('without a report nothing is known', () => {
  const { kafka, store, durability } = observeVerdict(proof({}), [ready('a')]);
  assert.deepEqual([kafka, store, durability], [undefined, undefined, undefined]);
});

test('halts of all pods are collected, each partition once, lowest first', () => {
  const halts = (...partitions: number[]) => ({
    halts: partitions.map((partition) => ({ partition, reason: 'LogGap', message: 'gap' })),
  });
  const seen = observeVerdict(proof({ a: halts(2), b: halts(1, 2) }), [ready('a'), pod('b')]).halts;
  assert.deepEqual(
    seen.map(({ partition }) => partition),
    [1, 2],
  );
});

test('the halt of a pod that reaches neither Kafka nor PostgreSQL counts only where no other pod reports', () => {
  const away = { ok: false, reason: 'Unreachable', message: 'no' };
  const old = { store: away, halts: [{ partition: 3, reason: 'LogGap', message: 'gap' }] };
  assert.deepEqual(observeVerdict(proof({ a: old, b: {} }), [pod('a'), ready('b')]).halts, []);
  assert.deepEqual(observeVerdict(proof({ a: old }), [pod('a')]).halts, old.halts);
});

test('keys of pods that do not exist are dropped; keys of pods that are being deleted are not dropped yet', () => {
  const leaving = pod('b', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
  assert.deepEqual(observeVerdict(proof({ z: {}, a: {}, b: {}, y: '' }), [ready('a'), leaving]).goneKeys, ['y', 'z']);
});
