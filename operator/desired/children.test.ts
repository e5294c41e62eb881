import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { labelKeys } from '#contract/labels.ts';
import { ownedKinds, ownership, steps } from './childKinds.ts';
import { buildChildren } from './children.ts';
import {
  foreignExample,
  fullExample,
  kedaExample,
  minimalExample,
  scaledExample,
  strimziExample,
} from './testing/examples.ts';

const examples = {
  minimal: minimalExample(),
  full: fullExample(),
  strimzi: strimziExample(),
  foreign: foreignExample(),
  scaled: scaledExample(),
  keda: kedaExample(),
};
const childrenOf = (name: keyof typeof examples) => buildChildren(examples[name].pipeline, examples[name].facts);

/** `node --test --test-update-snapshots` writes the golden files again. Read the difference before you commit it. */
describe('the children equal the golden files', () => {
  for (const [key, { kind }] of Object.entries(ownership)) {
    test(kind, (t) => {
      const documents = Object.keys(examples).flatMap((example) =>
        childrenOf(example as keyof typeof examples)
          .filter(({ owned }) => owned.kind === kind)
          .map(({ object }) => `# ${example}\n${stringify(object, { aliasDuplicateObjects: false, lineWidth: 0 })}`),
      );
      const path = join(import.meta.dirname, 'golden', `${key}.yaml`);
      t.assert.fileSnapshot(documents.join('---\n'), path, { serializers: [(text) => String(text)] });
    });
  }
});

for (const name of Object.keys(examples) as (keyof typeof examples)[]) {
  const { pipeline } = examples[name];
  const children = childrenOf(name);

  test(`${name}: children come in the order of the steps`, () => {
    const order = children.map(({ owned }) => steps.indexOf(owned.step));
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  });

  test(`${name}: every child matches its row in the ownership table and is in the namespace that the row says`, () => {
    for (const { owned, object } of children) {
      assert.ok(ownedKinds.includes(owned));
      assert.equal(object.kind, owned.kind);
      assert.equal(object.apiVersion, owned.apiVersion);
      const here = object.metadata.namespace === pipeline.metadata.namespace;
      assert.equal(here, owned.namespace === 'pipeline', `${object.kind} is in ${object.metadata.namespace}`);
    }
  });

  test(`${name}: every child names its pipeline, and only children in the namespace of the pipeline have an owner`, () => {
    for (const { owned, object } of children) {
      assert.equal(object.metadata.labels[labelKeys.namespace], 'shop');
      assert.equal(object.metadata.labels[labelKeys.name], 'orders');
      const owners = object.metadata.ownerReferences?.map(({ uid, controller, blockOwnerDeletion }) => ({
        uid,
        controller,
        blockOwnerDeletion,
      }));
      const owner = { uid: pipeline.metadata.uid, controller: true, blockOwnerDeletion: true };
      assert.deepEqual(owners, owned.namespace === 'pipeline' ? [owner] : undefined);
    }
  });

  test(`${name}: no two children share a kind and a name`, () => {
    const ids = children.map(({ object }) => `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`);
    assert.equal(new Set(ids).size, ids.length);
  });

  test(`${name}: a second build gives the same children`, () => {
    assert.deepEqual(childrenOf(name), children);
  });

  test(`${name}: nothing that we apply owns replicas, a Secret's content or the verdicts`, () => {
    const text = JSON.stringify(children.map(({ object }) => object));
    const deployments = children.filter(({ owned }) => owned === ownership.deployment);
    for (const { object } of deployments) assert.equal('replicas' in (object['spec'] as object), false);
    assert.doesNotMatch(text, /secretKeyRef|envFrom|stringData/);
    const proof = children.find(({ object }) => object.metadata.name === 'orders-proof');
    assert.equal(proof === undefined || 'data' in proof.object, false);
  });
}

test('a child that needs an optional API is not built without it', () => {
  const { pipeline, facts } = strimziExample();
  const without = buildChildren(pipeline, {
    ...facts,
    apis: { strimzi: false, monitoring: false, prometheusRules: false, keda: false },
  });
  assert.deepEqual(
    without.filter(({ owned }) => owned.optionalApi !== undefined),
    [],
  );
});
