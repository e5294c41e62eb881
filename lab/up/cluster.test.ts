import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import type { Cluster } from '#cli/connection/cluster.ts';
import { createFakeKubectl } from '#lab/up/testing/fakeKubectl.ts';
import { explainNamespace } from './explain.ts';
import { installOperator, readOperator } from './install.ts';
import { renderInstructions } from './instructions.ts';
import { waitUntilReady } from './ready.ts';
import type { Target } from './target.ts';

const { signal } = new AbortController();
const ref = { namespace: 'default', name: 'orders' };

const documents = (...objects: object[]) => objects.map((object) => stringify(object)).join('---\n');

const crd = { kind: 'CustomResourceDefinition', metadata: { name: 'sumpipelines.sumpipeline.dev' } };
const deployment = {
  kind: 'Deployment',
  metadata: { name: 'sumpipeline-operator', namespace: 'sumpipeline-system' },
  spec: {
    template: {
      spec: {
        containers: [
          {
            name: 'operator',
            image: 'sumpipeline:0.1.0',
            env: [
              { name: 'SUMPIPELINE_OPERATOR_IMAGE', value: 'sumpipeline:0.1.0' },
              { name: 'SUMPIPELINE_POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
          },
        ],
      },
    },
  },
};
const namespace = { kind: 'Namespace', metadata: { name: 'sumpipeline-system' } };

test('the operator is installed after its CRDs are served, with the image in both places, its namespace first', async () => {
  const kubectl = createFakeKubectl([
    { args: ['kustomize', '/repository/crds'], answer: documents(crd) },
    { args: ['kustomize', '/repository/manifests/operator'], answer: documents(deployment, namespace) },
    { args: ['apply', '--server-side'], answer: '' },
    { args: ['wait', '--for=condition=Established', '--timeout=30s', `crd/${crd.metadata.name}`], answer: '' },
    { args: ['apply', '--server-side'], answer: '' },
  ]);
  const operator = await readOperator({ kubectl, root: '/repository', image: 'localhost/x:1', signal });
  assert.deepEqual([operator.namespace, operator.deployment], ['sumpipeline-system', 'sumpipeline-operator']);
  await installOperator(kubectl, operator, signal);
  kubectl.assertDone();
  assert.deepEqual(
    parseAllDocuments(kubectl.inputs[2] ?? '').map((document) => document.toJS()),
    [crd],
  );
  const applied = parseAllDocuments(kubectl.inputs[4] ?? '').map((document) => document.toJS());
  assert.deepEqual(applied[0], namespace);
  const [container] = applied[1].spec.template.spec.containers;
  assert.equal(container.image, 'localhost/x:1');
  assert.deepEqual(container.env[0], { name: 'SUMPIPELINE_OPERATOR_IMAGE', value: 'localhost/x:1' });
  assert.deepEqual(container.env[1], deployment.spec.template.spec.containers[0]?.env[1]);
});

test('a failure is explained by pods that are not ready, the end of their logs, and warnings', async () => {
  const pods = {
    items: [
      { metadata: { name: 'fine' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      {
        metadata: { name: 'crashing' },
        status: {
          conditions: [{ type: 'Ready', status: 'False' }],
          containerStatuses: [
            {
              name: 'app',
              restartCount: 3,
              state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
              lastState: { terminated: { exitCode: 1 } },
            },
          ],
        },
      },
    ],
  };
  const events = {
    items: [{ reason: 'BackOff', message: 'restarting', involvedObject: { kind: 'Pod', name: 'crashing' } }],
  };
  const kubectl = createFakeKubectl([
    { args: ['-n', 'shop', 'get', 'pods'], answer: JSON.stringify(pods) },
    { args: ['-n', 'shop', 'logs', 'crashing'], answer: '' },
    { args: ['-n', 'shop', 'logs', 'crashing'], answer: 'line one\nthe cause\n' },
    { args: ['-n', 'shop', 'get', 'events'], answer: JSON.stringify(events) },
  ]);
  assert.equal(
    await explainNamespace(kubectl, 'shop'),
    [
      'Pod shop/crashing is not ready: CrashLoopBackOff: container app ended with exit code 1, restarted 3 times',
      '  line one',
      '  the cause',
      'Event Pod crashing: BackOff: restarting',
    ].join('\n'),
  );
  kubectl.assertDone();
});

test('an explanation that fails is reported and does not hide the first failure', async () => {
  const kubectl = createFakeKubectl([
    { args: ['-n', 'shop', 'get', 'pods'], answer: new Error('connection refused') },
    { args: ['-n', 'shop', 'get', 'events'], answer: 'no json' },
  ]);
  const text = await explainNamespace(kubectl, 'shop');
  assert.match(text, /cannot read the pods of shop: connection refused/);
  assert.match(text, /cannot read the events of shop/);
});

function clusterOf(answers: readonly object[]): Cluster {
  let at = 0;
  const request = async () => answers[Math.min(at++, answers.length - 1)];
  // Only `request` is called.
  return { context: 'x', namespace: 'default', request } as unknown as Cluster;
}

const resource = (status: string, options: { generation?: number; observed?: number } = {}) => ({
  metadata: { generation: options.generation ?? 1 },
  status: {
    observedGeneration: options.observed ?? 1,
    conditions: [{ type: 'Ready', status, reason: 'PodsNotReady', message: 'pods are starting' }],
  },
});

test('Ready counts only for the generation that was applied', async () => {
  const updates: string[] = [];
  const cluster = clusterOf([{ metadata: { generation: 2 } }, resource('True', { generation: 2 }), resource('True')]);
  const step = { update: (detail: string) => updates.push(detail) };
  await waitUntilReady({ cluster, ref, step, timeoutMs: 10_000, signal });
  assert.deepEqual(updates, ['the operator has not reconciled it yet', 'PodsNotReady: pods are starting']);
});

test('a wait for Ready that times out reports the last condition', async () => {
  const cluster = clusterOf([resource('False')]);
  await assert.rejects(
    waitUntilReady({ cluster, ref, step: { update() {} }, timeoutMs: 0, signal }),
    /default\/orders was not Ready after 0 s; PodsNotReady: pods are starting/,
  );
});

test('the instructions contain only commands that work in the cluster', () => {
  const target: Target = {
    kubeconfig: '/state/admin.kubeconfig',
    context: undefined,
    kubectlPath: '/cache/kubectl',
    kubectl: createFakeKubectl([]),
    image: 'x',
    died: new Promise(() => {}),
  };
  const root = '/srv/my repository';
  const local = renderInstructions({ target, ref, root, pipelineFile: join(root, 'manifests/samples/pipeline.yaml') });
  assert.match(local, /In another terminal:\n\n {2}cd '\/srv\/my repository'\n/);
  assert.match(local, /^ {2}kubectl -n default apply -f manifests\/samples\/pipeline\.yaml /m);
  assert.match(local, /^ {2}export KUBECONFIG=\/state\/admin\.kubeconfig$/m);
  assert.match(local, /^ {2}alias kubectl=\/cache\/kubectl$/m);
  assert.match(local, /^ {2}npx sumctl total -n default -p orders$/m);
  const named = { ...target, kubeconfig: undefined, context: 'staging', kubectlPath: 'kubectl' };
  const elsewhere = renderInstructions({ target: named, ref, root, pipelineFile: '/state/pipeline.yaml' });
  assert.match(elsewhere, /^ {2}kubectl -n default apply -f \/state\/pipeline\.yaml /m);
  assert.match(elsewhere, /^ {2}alias kubectl='kubectl --context staging'$/m);
  assert.doesNotMatch(elsewhere, /KUBECONFIG/);
  assert.match(elsewhere, /^ {2}npx sumctl total -n default -p orders --context staging$/m);
});
