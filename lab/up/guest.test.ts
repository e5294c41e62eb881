import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from '#cli/exit.ts';
import { silentProgress } from '#lab/progress.ts';
import { createFakeKubectl, type ExpectedKubectl } from '#lab/up/testing/fakeKubectl.ts';
import { createObjects, describeWhatStays, type Made, refuseOccupied, removeMade } from './guest.ts';
import type { Operator } from './install.ts';
import type { Target } from './target.ts';

const { signal } = new AbortController();
const names = { ref: { namespace: 'default', name: 'orders' }, secrets: ['orders-db', 'kafka-ca'] };
const crdName = 'sumpipelines.sumpipeline.dev';
const operator: Operator = {
  namespace: 'sumpipeline-system',
  deployment: 'sumpipeline-operator',
  crds: [{ kind: 'CustomResourceDefinition', metadata: { name: crdName } }],
  objects: [],
};

function targetOf(script: readonly ExpectedKubectl[]) {
  const kubectl = createFakeKubectl(script);
  const target: Target = {
    kubeconfig: undefined,
    context: 'staging',
    kubectlPath: 'kubectl',
    kubectl,
    image: 'x',
    died: new Promise(() => {}),
  };
  return { target, kubectl };
}

const managedBy = (manager: string) => JSON.stringify({ metadata: { managedFields: [{ manager }] } });
const nothing = '';

/**
 * Returns the expected kubectl calls of the checks, in order, with their results. If a result is undefined, the check
 * is not made.
 */
function looks(seen: { crd?: string; deployment?: string; pipelines?: string; secrets?: string }): ExpectedKubectl[] {
  const { crd = nothing, deployment = nothing, pipelines = nothing, secrets = nothing } = seen;
  const knowsPipelines = crd !== nothing;
  return [
    { args: ['get', 'crd', crdName, '-o', 'json', '--show-managed-fields', '--ignore-not-found'], answer: crd },
    { args: ['-n', 'sumpipeline-system', 'get', 'deployment', 'sumpipeline-operator'], answer: deployment },
    { args: ['get', 'crd', crdName, '-o', 'name'], answer: knowsPipelines ? `crd/${crdName}\n` : '' },
    ...(knowsPipelines
      ? [{ args: ['-n', 'default', 'get', 'sumpipelines', 'orders', '-o', 'name'], answer: pipelines }]
      : []),
    { args: ['-n', 'default', 'get', 'secrets', 'orders-db', 'kafka-ca', '-o', 'name'], answer: secrets },
  ];
}

for (const [what, seen] of [
  ['an empty cluster', {}],
  [
    'a cluster where an earlier npm start left its operator',
    { crd: managedBy('sumctl-up'), deployment: managedBy('sumctl-up') },
  ],
] as const) {
  test(`${what} is free to use`, async () => {
    const { target, kubectl } = targetOf(looks(seen));
    await refuseOccupied(target, names, operator, signal);
    kubectl.assertDone();
  });
}

test('an existing pipeline and Secret are named with the cure, and nothing is changed', async () => {
  const seen = {
    crd: managedBy('sumctl-up'),
    pipelines: 'sumpipeline.sumpipeline.dev/orders\n',
    secrets: 'secret/orders-db\n',
  };
  const { target, kubectl } = targetOf(looks(seen));
  await assert.rejects(refuseOccupied(target, names, operator, signal), (error) => {
    assert.ok(error instanceof CliError);
    assert.equal(
      error.message,
      'context "staging" already has sumpipeline.sumpipeline.dev/orders, secret/orders-db in namespace "default": nothing was changed',
    );
    assert.match(
      error.hint ?? '',
      /^ {2}kubectl --context staging -n default delete sumpipeline\.sumpipeline\.dev\/orders secret\/orders-db$/m,
    );
    return true;
  });
  kubectl.assertDone(); // and none of its calls was a write
});

for (const [what, seen, calls] of [
  [`crd/${crdName}`, { crd: managedBy('kubectl-client-side-apply') }, 1],
  ['deployment/sumpipeline-operator', { deployment: managedBy('helm') }, 2],
] as const) {
  test(`${what} of another installer is not replaced by ours`, async () => {
    const { target, kubectl } = targetOf(looks(seen).slice(0, calls));
    await assert.rejects(
      refuseOccupied(target, names, operator, signal),
      new RegExp(`context "staging" has ${what} that npm start did not install: nothing was changed`),
    );
    kubectl.assertDone();
  });
}

const namespace = { kind: 'Namespace', metadata: { name: 'default' } };
const secret = { kind: 'Secret', metadata: { name: 'orders-db', namespace: 'default' } };
const pipeline = { kind: 'SumPipeline', metadata: { name: 'orders', namespace: 'default' } };
const create = ['create', '--field-manager=sumctl-up', '-f', '-'];
const alreadyExists = new Error('kubectl create failed: Error from server (AlreadyExists): "orders" already exists');

test('created objects are recorded, an existing namespace is not', async () => {
  const { target, kubectl } = targetOf([
    { args: create, answer: alreadyExists },
    { args: create, answer: '' },
    { args: create, answer: '' },
  ]);
  const made: Made[] = [];
  await createObjects(target, [namespace, secret, pipeline], made, signal);
  kubectl.assertDone();
  assert.deepEqual(made, [
    { kind: 'Secret', namespace: 'default', name: 'orders-db' },
    { kind: 'SumPipeline', namespace: 'default', name: 'orders' },
  ]);
});

test('an object that another user made since the check is refused and not removed', async () => {
  const { target } = targetOf([
    { args: create, answer: '' },
    { args: create, answer: alreadyExists },
  ]);
  const made: Made[] = [];
  await assert.rejects(createObjects(target, [secret, pipeline], made, signal), /AlreadyExists/);
  assert.deepEqual(made, [{ kind: 'Secret', namespace: 'default', name: 'orders-db' }]);
});

test('an object that an aborted call may have made is removed', async () => {
  const { target } = targetOf([{ args: create, answer: new Error('The operation was aborted') }]);
  const made: Made[] = [];
  await assert.rejects(createObjects(target, [secret], made, signal), /aborted/);
  assert.deepEqual(made, [{ kind: 'Secret', namespace: 'default', name: 'orders-db' }]);
});

const made: Made[] = [
  { kind: 'Secret', namespace: 'default', name: 'orders-db' },
  { kind: 'SumPipeline', namespace: 'default', name: 'orders' },
];

test('all created objects are removed, the pipeline before its Secrets', async () => {
  const { target, kubectl } = targetOf([
    { args: ['-n', 'default', 'delete', 'sumpipeline', 'orders', '--ignore-not-found'], answer: '' },
    { args: ['-n', 'default', 'delete', 'secret', 'orders-db', '--ignore-not-found'], answer: '' },
  ]);
  await removeMade(target, made, silentProgress);
  kubectl.assertDone();
});

test('if nothing was created, nothing is removed', async () => {
  await removeMade(targetOf([]).target, [], silentProgress);
});

test('if one object cannot be removed, the rest is still removed, and its command is printed', async () => {
  const { target, kubectl } = targetOf([
    { args: ['-n', 'default', 'delete', 'sumpipeline', 'orders'], answer: new Error('timed out') },
    { args: ['-n', 'default', 'delete', 'secret', 'orders-db'], answer: '' },
  ]);
  const notes: string[] = [];
  await assert.rejects(
    removeMade(target, made, { ...silentProgress, note: (text) => notes.push(text) }),
    /context "staging" may still have SumPipeline default\/orders$/,
  );
  assert.deepEqual(notes, ['timed out\nRemove it: kubectl --context staging -n default delete sumpipeline orders']);
  kubectl.assertDone();
});

test('the final note says that operator and CRDs stay, and how to remove them', () => {
  assert.match(
    describeWhatStays(targetOf([]).target, '/repository/manifests/operator'),
    /operator and its CRDs stay in context "staging".*\n {2}kubectl --context staging delete -k \/repository\/manifests\/operator$/,
  );
});
