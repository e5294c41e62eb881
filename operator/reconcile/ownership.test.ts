import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldManagers, ownerLabels } from '#contract/labels.ts';
import type { Live } from '#kube/client/object.ts';
import { isOurs, type Owner } from './ownership.ts';

const ref = { namespace: 'shop', name: 'orders' };
const owner: Owner = { ref, uid: 'u1', inventory: [{ kind: 'KafkaTopic', namespace: 'kafka', name: 'shop.orders' }] };
const appliedByUs = [{ manager: fieldManagers.operator, operation: 'Apply', fieldsV1: {} }];
const reference = { apiVersion: 'sumpipeline.dev/v1alpha1', kind: 'SumPipeline', name: 'orders', uid: 'u1' };

function object(metadata: Partial<Live['metadata']>, kind = 'Service'): Live {
  const identity = { name: 'orders', namespace: 'shop', uid: 'x', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind, metadata: { ...identity, ...metadata } };
}
const topic = (metadata: Partial<Live['metadata']>) =>
  object({ namespace: 'kafka', name: 'shop.orders', ...metadata }, 'KafkaTopic');

const table: Record<string, readonly [Live, boolean]> = {
  'our labels': [object({ labels: ownerLabels(ref) }), true],
  'our labels, any earlier owner: it becomes a child again': [
    object({ labels: ownerLabels(ref), ownerReferences: [{ ...reference, uid: 'old' }] }),
    true,
  ],
  'labels of another pipeline': [object({ labels: ownerLabels({ ...ref, name: 'other' }) }), false],
  'labels of the same name in another namespace': [object({ labels: ownerLabels({ ...ref, namespace: 'x' }) }), false],
  'no labels at all': [object({}), false],
  'no labels, but our reference and our apply: another client removed the labels': [
    object({ ownerReferences: [reference], managedFields: appliedByUs }),
    true,
  ],
  'our reference, never applied by us: another client set it': [object({ ownerReferences: [reference] }), false],
  "another pipeline's labels win over our reference": [
    object({
      labels: ownerLabels({ ...ref, name: 'other' }),
      ownerReferences: [reference],
      managedFields: appliedByUs,
    }),
    false,
  ],
  'a topic of the inventory without labels': [topic({ managedFields: appliedByUs }), true],
  'a foreign topic under a name of the inventory': [topic({}), false],
};

for (const [what, [live, expected]] of Object.entries(table)) {
  test(`${what}: ${expected ? 'ours' : 'not ours'}`, () => assert.equal(isOurs(live, owner), expected));
}
