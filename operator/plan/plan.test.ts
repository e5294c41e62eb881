import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Child } from '#operator/desired/child.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { fullExample, minimalExample, strimziExample } from '#operator/desired/testing/examples.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import type { Action } from './action.ts';
import type { InventoryEntry } from './inventory.ts';
import { type PlanInput, planChanges, planDeletion, releaseAnnotation } from './plan.ts';
import { toSettled } from './settled.ts';
import { applyModel } from './testing/applyModel.ts';

const childrenOf = ({ pipeline, facts }: ReturnType<typeof minimalExample>) => buildChildren(pipeline, facts);
const minimal = childrenOf(minimalExample());
const strimzi = childrenOf(strimziExample());
const topic: InventoryEntry = { kind: 'KafkaTopic', namespace: 'kafka', name: 'shop.orders' };

function input(more: Partial<PlanInput> = {}): PlanInput {
  return {
    desired: minimal,
    replicas: {},
    live: [],
    inventory: { entries: [], hasFinalizer: false },
    settled: new Map(),
    areWorkloadsCurrent: true,
    proof: undefined,
    ...more,
  };
}

const applied = (children: readonly Child[]): LiveChild[] => children.map(({ object }) => applyModel(object));
const types = (actions: readonly Action[]) => actions.map(({ type }) => type);
const withMetadata = (object: LiveChild, metadata: Partial<LiveChild['metadata']>): LiveChild => ({
  ...object,
  metadata: { ...object.metadata, ...metadata },
});

describe('children', () => {
  test('all are created, in the order of the builders', () => {
    const created = planChanges(input()).map((action) => (action.type === 'create' ? action.child.object : action));
    assert.deepEqual(
      created,
      minimal.map(({ object }) => object),
    );
  });

  test('a child as wanted needs nothing', () => assert.deepEqual(planChanges(input({ live: applied(minimal) })), []));

  test('a child that differs is applied, with the place of the difference', () => {
    const live = applied(minimal);
    const changed = live.map((object) => (object.kind === 'Role' ? { ...object, rules: [] } : object));
    const [action, ...more] = planChanges(input({ live: changed }));
    assert.deepEqual(more, []);
    assert.ok(action?.type === 'apply');
    assert.deepEqual([action.live.kind, action.why], ['Role', 'rules']);
  });

  test('a difference that stayed after an apply is accepted until the live or the desired object changes', () => {
    const live = applied(minimal);
    const role = live.find(({ kind }) => kind === 'Role');
    const wish = minimal.find(({ object }) => object.kind === 'Role')?.object;
    assert.ok(role && wish);
    const kept = { ...role, rules: [] };
    const others = live.filter((object) => object !== role);
    const settled = new Map([[role.metadata.uid, toSettled(wish, kept, 'rules')]]);
    assert.deepEqual(planChanges(input({ live: [...others, kept], settled })), []);
    const touched = withMetadata(kept, { generation: 9 });
    assert.deepEqual(types(planChanges(input({ live: [...others, touched], settled }))), ['apply']);
    const otherWish = new Map([[role.metadata.uid, toSettled({ ...wish, more: 1 }, kept, 'rules')]]);
    assert.deepEqual(types(planChanges(input({ live: [...others, kept], settled: otherWish }))), ['apply']);
  });

  test('a child that is being deleted is waited for', () => {
    const live = applied(minimal).map((object) =>
      object.kind === 'Role' ? withMetadata(object, { deletionTimestamp: '2026-01-01T00:00:00Z' }) : object,
    );
    assert.deepEqual(types(planChanges(input({ live }))), ['wait']);
  });
});

describe('replicas', () => {
  const name = 'orders-calculator';
  const scaleOf = (replicas: Record<string, number>, live: LiveChild[]) =>
    planChanges(input({ replicas, live })).filter(({ type }) => type === 'scale');
  const scaled = (replicas: number) =>
    applied(minimal).map((object) =>
      object.metadata.name === name && object.kind === 'Deployment'
        ? { ...object, spec: { ...object.spec, replicas } }
        : object,
    );

  test('a new Deployment is scaled from 1, the number that the server sets', () => {
    assert.deepEqual(scaleOf({ [name]: 3 }, []), [{ type: 'scale', namespace: 'shop', name, from: 1, to: 3 }]);
    assert.deepEqual(scaleOf({ [name]: 1 }, []), []);
  });
  test('a number that another client changed is corrected', () => {
    assert.deepEqual(scaleOf({ [name]: 3 }, scaled(5)), [{ type: 'scale', namespace: 'shop', name, from: 5, to: 3 }]);
  });
  test('zero is written too', () => assert.equal(scaleOf({ [name]: 0 }, scaled(5)).length, 1));
  test('the right number is left', () => assert.deepEqual(scaleOf({ [name]: 5 }, scaled(5)), []));
  test('without a wanted number any number is left', () => assert.deepEqual(scaleOf({}, scaled(5)), []));
});

describe('what is no longer wanted', () => {
  const monitored = applied(childrenOf(fullExample()));
  const desired = childrenOf(fullExample());
  const wanted = (...kinds: string[]) => desired.filter(({ object }) => !kinds.includes(object.kind));

  test('is deleted: ServiceMonitors when monitoring is off', () => {
    const actions = planChanges(input({ desired: wanted('ServiceMonitor'), live: monitored }));
    assert.deepEqual(types(actions), ['delete', 'delete']);
    assert.ok(actions.every((action) => action.type === 'delete' && action.live.kind === 'ServiceMonitor'));
  });

  test('stays if it is a ServiceAccount that pods of the previous version may use', () => {
    const without = { desired: wanted('ServiceAccount'), live: monitored };
    assert.deepEqual(planChanges(input({ ...without, areWorkloadsCurrent: false })), []);
    assert.deepEqual(types(planChanges(input(without))), ['delete', 'delete']);
  });

  test('stays if it is a ServiceAccount, also in the pass that begins the rollout', () => {
    const older = monitored.map((object) =>
      object.kind === 'Deployment' ? withMetadata(object, { labels: {} }) : object,
    );
    const actions = planChanges(input({ desired: wanted('ServiceAccount'), live: older }));
    assert.deepEqual(types(actions), ['apply', 'apply']);
  });

  test('stays when it is a copy that a user made: it has our labels, but we never applied it', () => {
    const copy = monitored
      .filter(({ kind }) => kind === 'ServiceMonitor')
      .map((object) => withMetadata(object, { managedFields: [] }));
    assert.deepEqual(planChanges(input({ desired: [], live: copy })), []);
  });

  test('is not deleted twice', () => {
    const leaving = monitored.map((object) => withMetadata(object, { deletionTimestamp: '2026-01-01T00:00:00Z' }));
    assert.deepEqual(planChanges(input({ desired: [], live: leaving })), []);
  });

  test('is never deleted when it is a topic that is still in the inventory: it is released', () => {
    const inventory = { entries: [topic], hasFinalizer: true };
    const live = applied(strimzi.filter(({ object }) => object.kind === 'KafkaTopic'));
    assert.deepEqual(planChanges(input({ desired: [], live, inventory })), [
      { type: 'retain', entry: topic },
      { type: 'record', entries: [] },
    ]);
  });
});

describe('finalizer and inventory', () => {
  const recorded = { entries: [topic], hasFinalizer: true };

  test('are written before anything is created', () => {
    const actions = planChanges(input({ desired: strimzi }));
    assert.deepEqual(actions[0], { type: 'record', entries: [topic] });
    assert.deepEqual(
      types(actions).filter((type) => type === 'record'),
      ['record'],
    );
  });
  test('are not there without a topic of ours', () => {
    assert.deepEqual(
      types(planChanges(input())).filter((type) => type === 'record'),
      [],
    );
  });
  test('are left as they are', () => {
    assert.deepEqual(planChanges(input({ desired: strimzi, live: applied(strimzi), inventory: recorded })), []);
  });
  test('are put back when one of them was removed', () => {
    for (const inventory of [
      { entries: [topic], hasFinalizer: false },
      { entries: [], hasFinalizer: true },
    ]) {
      const actions = planChanges(input({ desired: strimzi, live: applied(strimzi), inventory }));
      assert.deepEqual(actions, [{ type: 'record', entries: [topic] }]);
    }
  });
  test('keep what was not released, and shrink afterwards', () => {
    const old = { ...topic, name: 'shop.old' };
    const inventory = { entries: [old], hasFinalizer: true };
    const actions = planChanges(input({ desired: strimzi, live: applied(strimzi), inventory }));
    assert.deepEqual(actions, [
      { type: 'record', entries: [old, topic] },
      { type: 'retain', entry: old },
      { type: 'record', entries: [topic] },
    ]);
  });
  test('on deletion the topic is released first', () => {
    assert.deepEqual(planDeletion(recorded), [
      { type: 'retain', entry: topic },
      { type: 'record', entries: [] },
    ]);
    assert.deepEqual(planDeletion({ entries: [topic], hasFinalizer: false }), []);
  });
});

test('a topic that another client deletes is annotated at once, and only once', () => {
  const live = applied(strimzi).map((object) =>
    object.kind === 'KafkaTopic' ? withMetadata(object, { deletionTimestamp: '2026-01-01T00:00:00Z' }) : object,
  );
  const inventory = { entries: [topic], hasFinalizer: true };
  assert.deepEqual(types(planChanges(input({ desired: strimzi, live, inventory }))), ['release', 'wait']);
  const annotated = live.map((object) =>
    object.kind === 'KafkaTopic' ? withMetadata(object, { annotations: { [releaseAnnotation.key]: 'false' } }) : object,
  );
  assert.deepEqual(types(planChanges(input({ desired: strimzi, live: annotated, inventory }))), ['wait']);
});

test('verdicts of pods that are gone are dropped', () => {
  const live = applied(minimal);
  const proof = live.find(({ kind }) => kind === 'ConfigMap');
  assert.ok(proof);
  const actions = planChanges(input({ live, proof: { live: proof, gonePods: ['a'] } }));
  assert.deepEqual(actions, [{ type: 'dropVerdicts', proof, pods: ['a'] }]);
  assert.deepEqual(planChanges(input({ live, proof: { live: proof, gonePods: [] } })), []);
});

describe('in any state of the cluster', () => {
  const examples = [minimalExample(), fullExample(), strimziExample()].map(childrenOf);
  const situation = fc.record({
    desired: fc.constantFrom(...examples, []),
    before: fc.constantFrom(...examples, []),
    missing: fc.array(fc.nat(30), { maxLength: 6 }),
    changed: fc.array(fc.nat(30), { maxLength: 6 }),
    replicas: fc.dictionary(fc.constantFrom('orders-calculator', 'orders-aggregator'), fc.nat(5)),
    inventory: fc.record({
      entries: fc.constantFrom([], [topic], [{ ...topic, name: 'shop.old' }]),
      hasFinalizer: fc.boolean(),
    }),
  });

  test('planning has no effects, and after all actions only steps that wait for a rollout are left', () => {
    fc.assert(
      fc.property(situation, ({ desired, before, missing, changed, replicas, inventory }) => {
        const live = applied(before)
          .filter((_, index) => !missing.includes(index))
          .map((object, index) => (changed.includes(index) ? withMetadata(object, { labels: {} }) : object));
        // After a lost race the inventory may have entries although the finalizer is missing. Action `record` writes
        // the finalizer again.
        const first = input({ desired, live, replicas, inventory });
        const plan = planChanges(first);
        assert.deepEqual(planChanges(first), plan, 'planned twice');
        // ServiceAccounts are deleted one pass after the rollout that no longer needs them.
        const second = carryOut(first, plan);
        assert.deepEqual(planChanges(carryOut(second, planChanges(second))), []);
        assert.ok(planChanges(second).every(({ type }) => type === 'delete'));
      }),
      { numRuns: 300 },
    );
  });
});

/** Returns the input of the next pass after all actions of the plan succeeded. */
function carryOut(given: PlanInput, plan: readonly Action[]): PlanInput {
  let live = [...given.live];
  let inventory = given.inventory;
  const key = (object: { kind: string; metadata: { name: string; namespace?: string } }) =>
    `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`;
  const put = (object: LiveChild) => {
    live = [...live.filter((other) => key(other) !== key(object)), object];
  };
  for (const action of plan) {
    if (action.type === 'create') put(applyModel(action.child.object));
    if (action.type === 'apply') put(applyModel(action.child.object, action.live));
    if (action.type === 'delete') live = live.filter((object) => key(object) !== key(action.live));
    if (action.type === 'record') inventory = { entries: action.entries, hasFinalizer: action.entries.length > 0 };
    if (action.type === 'retain') {
      live = live.filter((object) => key(object) !== key({ kind: action.entry.kind, metadata: action.entry }));
    }
    if (action.type === 'scale') {
      const found = live.find((object) => object.kind === 'Deployment' && object.metadata.name === action.name);
      assert.ok(found, `${action.name} is scaled after it was made`);
      put({ ...found, spec: { ...found.spec, replicas: action.to } });
    }
  }
  return { ...given, live, inventory };
}
