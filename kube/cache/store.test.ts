import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Live } from '#kube/client/object.ts';
import { buildConfigMap, type ConfigMap } from '#kube/testing/kinds.ts';
import { type Change, Store } from './store.ts';

function live(name: string, version: number, options: { uid?: string; team?: string } = {}): Live<ConfigMap> {
  const object = buildConfigMap(name, {}, { team: options.team ?? 'none' });
  const metadata = { uid: options.uid ?? `uid-${name}`, resourceVersion: `${version}`, creationTimestamp: 'now' };
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

const shown = (changes: Change<ConfigMap>[]) =>
  changes.map(({ type, object }) => `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`);

function newStore() {
  return new Store<ConfigMap>({ team: (object) => [object.metadata.labels?.['team'] ?? ''] });
}

test('a list replaces everything at once and reports what it added, changed and took away', () => {
  const store = newStore();
  assert.deepEqual(shown(store.replace([live('a', 1), live('b', 2)], '5')), ['added a@1', 'added b@2']);
  const second = store.replace([live('b', 7), live('c', 8)], '9');
  assert.deepEqual(shown(second), ['deleted a@1', 'modified b@7', 'added c@8']);
  assert.equal(store.resourceVersion, '9');
});

test('an object that is the same in a new list is not a change', () => {
  const store = newStore();
  store.replace([live('a', 1)], '5');
  assert.deepEqual(store.replace([live('a', 1)], '6'), []);
});

test('an object with another uid under the same name is deleted and added', () => {
  const store = newStore();
  store.replace([live('a', 1, { uid: 'first' })], '5');
  assert.deepEqual(shown(store.replace([live('a', 7, { uid: 'second' })], '8')), ['deleted a@1', 'added a@7']);
});

test('a deletion carries the last state and leaves no trace in an index', () => {
  const store = newStore();
  store.applyEvent({ type: 'ADDED', object: live('a', 1, { team: 'x' }) });
  assert.deepEqual(shown(store.applyEvent({ type: 'DELETED', object: live('a', 4, { team: 'x' }) })), ['deleted a@4']);
  assert.deepEqual(store.byIndex('team', 'x'), []);
  assert.equal(store.size, 0);
});

test('the deletion of an unknown object is not a change', () => {
  assert.deepEqual(newStore().applyEvent({ type: 'DELETED', object: live('a', 4) }), []);
});

test('an index follows an object that changes its value', () => {
  const store = newStore();
  store.applyEvent({ type: 'ADDED', object: live('a', 1, { team: 'x' }) });
  store.applyEvent({ type: 'MODIFIED', object: live('a', 2, { team: 'y' }) });
  assert.deepEqual(store.byIndex('team', 'x'), []);
  assert.equal(store.byIndex('team', 'y')[0]?.metadata.resourceVersion, '2');
});

test('an index that does not exist is an error and not an empty answer', () => {
  assert.throws(() => newStore().byIndex('colour', 'red'), /no index colour/);
});

test('a write is seen when an event, list or bookmark has its version or a later one, compared as numbers', () => {
  const store = newStore();
  assert.equal(store.hasSeen('1'), false);
  store.replace([], '9');
  assert.equal(store.hasSeen('9'), true);
  assert.equal(store.hasSeen('10'), false);
  store.applyEvent({ type: 'BOOKMARK', resourceVersion: '10' });
  assert.equal(store.hasSeen('10'), true);
  store.applyEvent({ type: 'DELETED', object: live('gone', 1_000_000_000_000_000) });
  assert.equal(store.hasSeen('999999999999999'), true);
});

test('readers cannot change objects', () => {
  const store = newStore();
  store.replace([live('a', 1)], '5');
  const object = store.get('default/a');
  assert.throws(() => {
    if (object?.metadata.labels !== undefined) object.metadata.labels['team'] = 'mine';
  }, TypeError);
});
