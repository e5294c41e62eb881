import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldManagers } from '#contract/labels.ts';
import { observeDrift } from './drift.ts';
import type { ManagedFields } from './objects.ts';
import { deployment } from './testing/samples.ts';

const container = 'k:{"name":"sumpipeline"}';
const owns = (manager: string, pod: object, more: Partial<ManagedFields> = {}): ManagedFields => ({
  manager,
  operation: 'Update',
  fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': pod } } },
  ...more,
});
const ours = owns(
  fieldManagers.operator,
  {
    'f:volumes': { 'k:{"name":"store"}': { 'f:name': {} } },
    'f:containers': { [container]: { 'f:name': {}, 'f:env': { 'k:{"name":"A"}': { 'f:name': {}, 'f:value': {} } } } },
  },
  { operation: 'Apply' },
);
const driftOf = (...entries: ManagedFields[]) =>
  observeDrift(deployment('orders-calculator', { metadata: { managedFields: [ours, ...entries] } }));

test('fields that only we wrote are not drift', () => assert.deepEqual(driftOf(), []));

test('security fields that others added to our pods are named with manager and path', () => {
  const added = {
    'f:hostNetwork': {},
    'f:volumes': { 'k:{"name":"root"}': { 'f:hostPath': {} } },
    'f:containers': { [container]: { 'f:env': { 'k:{"name":"NODE_OPTIONS"}': { 'f:value': {} } } } },
  };
  assert.deepEqual(driftOf(owns('kubectl-edit', added)), [
    'kubectl-edit added spec.containers[sumpipeline].env to the pods of Deployment orders-calculator',
    'kubectl-edit added spec.hostNetwork to the pods of Deployment orders-calculator',
    'kubectl-edit added spec.volumes to the pods of Deployment orders-calculator',
  ]);
});

test('a sidecar, a restart, a status and a value that we own too are not drift', () => {
  const same = { 'f:containers': { [container]: { 'f:env': { 'k:{"name":"A"}': { 'f:value': {} } } } } };
  const sidecar = { 'f:containers': { 'k:{"name":"proxy"}': { 'f:name': {}, 'f:env': {} } } };
  const status = owns('kube-controller-manager', { 'f:hostNetwork': {} }, { subresource: 'status' });
  const restart: ManagedFields = {
    manager: 'kubectl-rollout',
    fieldsV1: { 'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': {} } } } },
  };
  assert.deepEqual(driftOf(owns('person', same), owns('mesh', sidecar), status, restart), []);
});
