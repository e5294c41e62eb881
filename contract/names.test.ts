import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childName, consumerGroup, defaultSchema, defaultTopic } from './names.ts';

const ref = { namespace: 'shop', name: 'orders' };

test('topic, group and schema begin with the namespace', () => {
  assert.deepEqual([defaultTopic(ref), consumerGroup(ref), defaultSchema(ref)], Array(3).fill('shop.orders'));
});

test('a schema that PostgreSQL would cut ends in a hash, and different pipelines have different schemas', () => {
  const namespace = 'n'.repeat(50);
  const schemas = ['one', 'two'].map((end) => defaultSchema({ namespace, name: `${'p'.repeat(30)}${end}` }));
  for (const schema of schemas) assert.ok(Buffer.byteLength(schema) <= 63, schema);
  assert.notEqual(schemas[0], schemas[1]);
  const longest = defaultSchema({ namespace: 'n'.repeat(31), name: 'p'.repeat(31) });
  assert.equal(longest, `${'n'.repeat(31)}.${'p'.repeat(31)}`, '63 bytes fit as they are');
});

test('children are named after the pipeline and what they are', () => {
  assert.deepEqual(
    [childName.workload(ref, 'calculator'), childName.headlessService(ref, 'aggregator'), childName.proof(ref)],
    ['orders-calculator', 'orders-aggregator-headless', 'orders-proof'],
  );
});
