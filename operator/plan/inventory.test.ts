import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatInventory, includesEntry, parseInventory } from './inventory.ts';

const entry = { kind: 'KafkaTopic', namespace: 'kafka', name: 'shop.orders' };

test('what is written is read again', () => {
  const name = fc.stringMatching(/^[a-z0-9.]{1,40}$/);
  const entries = fc.array(fc.record({ kind: name, namespace: name, name }, { noNullPrototype: true }), {
    maxLength: 16,
  });
  fc.assert(fc.property(entries, (given) => assert.deepEqual(parseInventory(formatInventory(given)), given)));
});

test('a list edited by hand loses only the entries that cannot be read', () => {
  assert.deepEqual(parseInventory(undefined), []);
  assert.deepEqual(parseInventory('{'), []);
  assert.deepEqual(parseInventory('{"kind":"KafkaTopic"}'), []);
  assert.deepEqual(parseInventory(JSON.stringify([null, 1, { kind: 'X' }, entry])), [entry]);
});

test('it is bounded', () => assert.equal(parseInventory(JSON.stringify(Array(1000).fill(entry))).length, 16));

test('an entry is found by kind, namespace and name', () => {
  assert.equal(includesEntry([entry], { ...entry }), true);
  for (const field of ['kind', 'namespace', 'name']) {
    assert.equal(includesEntry([entry], { ...entry, [field]: 'other' }), false, field);
  }
});
