import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fieldManagers } from '#contract/labels.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { fullExample, strimziExample } from '#operator/desired/testing/examples.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { findDifference } from './difference.ts';
import { applyModel } from './testing/applyModel.ts';

const container = { name: 'main', image: 'a:1', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] };
const desired = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd', namespace: 'shop', labels: { ours: 'yes' } },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: { spec: { containers: [container], tolerations: [{ key: 'k' }] } },
  },
};

// biome-ignore lint/suspicious/noExplicitAny: a test reaches into any place of an object
type Loose = any;

/**
 * Returns the difference after `change` has changed the live object. managedFields stay, so we still own our fields.
 */
function changed(change: (live: Loose) => void, wish: object = desired): string | undefined {
  const live: LiveChild = structuredClone(applyModel(wish));
  change(live);
  return findDifference(wish, live);
}
const podOf = (live: Loose) => live.spec.template.spec;

describe('nothing has to be written', () => {
  const table: Record<string, (live: Loose) => void> = {
    'after an apply': () => {},
    'when the server filled in defaults': (live) => {
      podOf(live).restartPolicy = 'Always';
      podOf(live).containers[0].ports[0].protocol = 'TCP';
      podOf(live).tolerations[0].operator = 'Equal';
    },
    'when others added labels, a sidecar, a variable, a port': (live) => {
      live.metadata.labels.theirs = 'yes';
      podOf(live).containers.unshift({ name: 'proxy', image: 'p:1' });
      podOf(live).containers[1].env.push({ name: 'B', value: '2' });
      podOf(live).containers[1].ports.push({ containerPort: 81, protocol: 'TCP' });
    },
    'when the Deployment was scaled': (live) => {
      live.spec.replicas = 7;
    },
    'when the status changed': (live) => {
      live.status = { readyReplicas: 1 };
    },
  };
  for (const [what, change] of Object.entries(table)) test(what, () => assert.equal(changed(change), undefined));

  test('for every child of every example', () => {
    for (const { pipeline, facts } of [fullExample(), strimziExample()]) {
      for (const { object } of buildChildren(pipeline, facts)) {
        assert.equal(findDifference(object, applyModel(object)), undefined, `${object.kind} ${object.metadata.name}`);
      }
    }
  });

  test('when a quantity is written in another form, but only for quantities', () => {
    const wish = { ...desired, spec: { resources: { cpu: '1000m' }, label: '1000m' } };
    assert.equal(
      changed((live) => Object.assign(live.spec.resources, { cpu: '1' }), wish),
      undefined,
    );
    assert.equal(
      changed((live) => Object.assign(live.spec, { label: '1' }), wish),
      'spec.label',
    );
  });

  test('when the server dropped what is empty or zero', () => {
    const wish = { ...desired, spec: { annotations: {}, list: [], publish: false, count: 0, gone: undefined } };
    assert.equal(
      changed((live) => {
        live.spec = {};
      }, wish),
      undefined,
    );
  });

  test('when an empty map of ours was filled by the server or by others', () => {
    const wish = { ...desired, spec: { emptyDir: {} } };
    assert.equal(
      changed((live) => Object.assign(live.spec.emptyDir, { medium: '' }), wish),
      undefined,
    );
  });
});

describe('the place that differs is named', () => {
  const table: Record<string, (live: Loose) => void> = {
    'metadata.labels.ours': (live) => Object.assign(live.metadata.labels, { ours: 'no' }),
    'spec.template.spec.containers.main.image': (live) => Object.assign(podOf(live).containers[0], { image: 'b:1' }),
    'spec.template.spec.containers.main': (live) => podOf(live).containers.pop(),
    'spec.template.spec.containers.main.env.A': (live) => podOf(live).containers[0].env.pop(),
    'spec.selector.matchLabels.a': (live) => Object.assign(live.spec.selector.matchLabels, { a: 'c' }),
    'spec.template.spec.tolerations': (live) => podOf(live).tolerations.push({ key: 'more' }),
    'spec.template.spec.tolerations.0.key': (live) => Object.assign(podOf(live).tolerations[0], { key: 'x' }),
    'spec.template': (live) => Object.assign(live.spec, { template: undefined }),
  };
  for (const [path, change] of Object.entries(table)) test(path, () => assert.equal(changed(change), path));
});

describe('the fields that we own and the fields that we want must be the same', () => {
  test('a field that we no longer want is released', () => {
    const live = applyModel({ ...desired, metadata: { ...desired.metadata, annotations: { old: 'yes' } } });
    assert.equal(findDifference(desired, live), 'metadata.annotations (no longer wanted)');
  });

  test('an item of a list that we no longer want is released', () => {
    const more = { ...container, env: [...container.env, { name: 'OLD', value: '1' }] };
    const spec = { ...desired.spec, template: { spec: { ...desired.spec.template.spec, containers: [more] } } };
    const live = applyModel({ ...desired, spec });
    assert.match(findDifference(desired, live) ?? '', /containers\.main\.env\.OLD \(no longer wanted\)/);
  });

  test('a field that we begin to want is applied, even if another manager has set it to the same value', () => {
    const wish = { ...desired, metadata: { ...desired.metadata, labels: { ours: 'yes', more: 'yes' } } };
    const live = applyModel(desired);
    const same = { ...live, metadata: { ...live.metadata, labels: { ours: 'yes', more: 'yes' } } };
    assert.equal(findDifference(wish, same), 'metadata.labels.more');
  });

  test('an object that we never applied, or whose managedFields were cleared, is applied', () => {
    const live = applyModel(desired);
    const cleared = { ...live, metadata: { ...live.metadata, managedFields: [] } };
    assert.equal(findDifference(desired, cleared), 'never applied');
    const [entry] = live.metadata.managedFields ?? [];
    const updated = { ...live.metadata, managedFields: [{ ...entry, operation: 'Update' }] };
    assert.equal(findDifference(desired, { ...live, metadata: updated }), 'never applied');
  });

  test('sets are compared as sets', () => {
    const wish = { ...desired, metadata: { ...desired.metadata, finalizers: ['ours'] } };
    assert.equal(
      changed((live) => live.metadata.finalizers.push('theirs'), wish),
      undefined,
    );
    assert.equal(
      changed((live) => live.metadata.finalizers.pop(), wish),
      'metadata.finalizers',
    );
  });
});

test('the name of our field manager never changes: the API server has stored it', () => {
  assert.equal(applyModel(desired).metadata.managedFields?.[0]?.manager, fieldManagers.operator);
});
