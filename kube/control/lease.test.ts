import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionOf, type Live } from '#kube/client/object.ts';
import { checkDurations, decide, defaultDurations, type Lease, leases, microTime, noteLease } from './lease.ts';

function lease(spec: Lease['spec'], metadata: object = {}): Live<Lease> {
  const identity = { name: 'l', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: 'now' };
  return { apiVersion: apiVersionOf(leases), kind: 'Lease', metadata: { ...identity, ...metadata }, spec: spec ?? {} };
}

const held = { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.000000Z' };

test('an absent Lease is created, an empty one and our own are taken', () => {
  const at = (of: Live<Lease> | undefined) => decide(noteLease(undefined, of, 0), 'me', 15_000, 0);
  assert.equal(at(undefined).action, 'create');
  const { holderIdentity: _, ...free } = held;
  for (const spec of [free, { ...held, holderIdentity: null }, { ...held, holderIdentity: '' }]) {
    assert.deepEqual(at(lease(spec)), { action: 'take', lease: lease(spec), isTransition: true });
  }
  const mine = lease({ ...held, holderIdentity: 'me' });
  assert.deepEqual(at(mine), { action: 'take', lease: mine, isTransition: false });
});

test("another holder's Lease runs out by our own clock, from when we first saw it in this state", () => {
  const seen = noteLease(undefined, lease(held), 1000);
  assert.deepEqual(decide(seen, 'me', 1000, 15_999), { action: 'wait', holder: 'other' });
  assert.equal(decide(seen, 'me', 1000, 16_000).action, 'take');
});

test('the clock of the holder does not matter: renewTime may be far in the past or future', () => {
  for (const renewTime of ['1999-01-01T00:00:00.000000Z', '2099-01-01T00:00:00.000000Z']) {
    const seen = noteLease(undefined, lease({ ...held, renewTime }), 0);
    assert.equal(decide(seen, 'me', 1000, 14_999).action, 'wait');
    assert.equal(decide(seen, 'me', 1000, 15_000).action, 'take');
  }
});

test('a renewal begins a new wait, a new label does not', () => {
  const first = noteLease(undefined, lease(held), 0);
  const labelled = noteLease(first, lease(held, { resourceVersion: '2', labels: { a: 'b' } }), 10_000);
  assert.equal(labelled.sinceMs, 0);
  const renewed = noteLease(labelled, lease({ ...held, renewTime: '2026-01-01T00:00:02.000000Z' }), 12_000);
  assert.equal(renewed.sinceMs, 12_000);
});

test('a Lease without a duration lasts as long as ours', () => {
  const seen = noteLease(undefined, lease({ holderIdentity: 'other' }), 0);
  assert.equal(decide(seen, 'me', 7000, 6999).action, 'wait');
  assert.equal(decide(seen, 'me', 7000, 7000).action, 'take');
});

test('durations are refused if they allow two leaders, or if one lost request ends a term', () => {
  checkDurations(defaultDurations);
  const wrong = { ...defaultDurations };
  assert.throws(() => checkDurations({ ...wrong, renewDeadlineMs: 15_000 }), /two processes lead at once/);
  assert.throws(() => checkDurations({ ...wrong, retryPeriodMs: 6_000 }), /one lost request ends a term/);
  assert.throws(() => checkDurations({ ...wrong, leaseDurationMs: 15_500 }), /whole seconds/);
  assert.throws(() => checkDurations({ ...wrong, leaseDurationMs: Number.NaN }), /whole seconds/);
});

test('times are written as Kubernetes MicroTime', () => {
  assert.equal(microTime(Date.UTC(2026, 0, 2, 3, 4, 5, 67)), '2026-01-02T03:04:05.067000Z');
});
