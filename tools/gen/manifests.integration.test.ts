import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import type { Resource } from '#kube/client/object.ts';
import type { Transport } from '#kube/client/transport.ts';
import { connectAs } from '#kube/testing/connect.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { cloudNativePgCrds } from '#lab/crds/cloudNativePg.ts';
import { untilEstablished } from '#lab/crds/established.ts';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import { strimziCrds } from '#lab/crds/strimzi.ts';
import { operatorEnvironment } from '#operator/config.ts';
import type { Child } from '#operator/desired/child.ts';
import { groupOf, type OwnedKind, operatorName, operatorNamespace, ownership } from '#operator/desired/childKinds.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { fullExample, strimziExample } from '#operator/desired/testing/examples.ts';

const root = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);
let server: ApiServer;
let client: KubeClient;
let transport: Transport;

/** Runs kubectl as a cluster admin. */
async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await run(server.kubectlPath, ['--kubeconfig', server.kubeconfigPath, ...args], { cwd: root });
  return stdout;
}

before(async () => {
  server = await startApiServer();
  for (const { files } of [await strimziCrds(), await prometheusOperatorCrds(), await cloudNativePgCrds()]) {
    await kubectl('create', ...files.flatMap((file) => ['-f', file]));
  }
  await kubectl('apply', '-k', 'manifests/operator');
  await kubectl('create', 'namespace', 'shop');
  await kubectl('create', 'namespace', 'kafka');
  await untilEstablished((args) => kubectl(...args), ['crd', '--all']);
  const user = `system:serviceaccount:${operatorNamespace}:${operatorName}`;
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${operatorNamespace}`];
  ({ client, transport } = await connectAs({ server, kubeconfig: await server.kubeconfigFor({ user, groups }) }));
});
after(async () => {
  await transport.close();
  await server.stop();
});

function resourceOf({ apiVersion, kind, plural }: OwnedKind): Resource {
  const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
  return { group: groupOf(apiVersion), version, kind, plural, namespaced: true };
}

const asOperator = { fieldManager: 'sumpipeline-operator', force: true };
const secrets: Resource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };

async function isForbidden(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (isKubernetesError(error, 'forbidden')) return true;
    throw error;
  }
}

test('applying the manifests again would change nothing', async () => {
  // If there is a difference, kubectl diff prints it and ends with exit code 1.
  assert.equal(await kubectl('diff', '-k', 'manifests/operator'), '');
});

describe('the role of the operator allows its calls on every child', () => {
  const beside = buildChildren(fullExample().pipeline, fullExample().facts);
  for (const child of beside) {
    test(`${child.owned.kind} ${child.object.metadata.name}`, () => liveAndDie(child));
  }
});

async function liveAndDie({ owned, object }: Child): Promise<void> {
  const resource = resourceOf(owned);
  const { namespace, name } = object.metadata;
  assert.equal(await client.find(resource, { namespace, name }), undefined);
  const { created, object: live } = await client.apply(resource, object, asOperator);
  assert.ok(created);
  const { items } = await client.list(resource, { namespace });
  assert.ok(items.some(({ metadata }) => metadata.name === name));
  if (owned === ownership.deployment) {
    const options = { fieldManager: 'sumpipeline-operator-replicas', subresource: 'scale' };
    await client.mergePatch(resource, { namespace, name }, { spec: { replicas: 2 } }, options);
  }
  // The Role is not deleted, because the RoleBinding that follows needs it.
  if (owned !== ownership.role) await client.delete(resource, { namespace, name }, { uid: live.metadata.uid });
}

test('the operator cannot read a Secret', async () => {
  assert.ok(await isForbidden(client.list(secrets, { namespace: 'shop' })));
  assert.ok(await isForbidden(client.get(secrets, { namespace: operatorNamespace, name: 'any' })));
});

test('the operator cannot give pods more permissions than it does', async () => {
  const role = {
    apiVersion: ownership.role.apiVersion,
    kind: ownership.role.kind,
    metadata: { name: 'too-much', namespace: 'shop' },
    rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
  };
  assert.ok(await isForbidden(client.apply(resourceOf(ownership.role), role, asOperator)));
});

test('the operator can write KafkaTopics only where the owner of the namespace permits it', async () => {
  const { pipeline, facts } = strimziExample();
  const topic = buildChildren(pipeline, facts).find(({ owned }) => owned === ownership.kafkaTopic);
  assert.ok(topic);
  assert.ok(await isForbidden(client.apply(resourceOf(topic.owned), topic.object, asOperator)));
  await kubectl('apply', '-k', 'manifests/kafka-access', '-n', 'kafka');
  await liveAndDie(topic);
  assert.ok(await isForbidden(client.list(resourceOf(topic.owned), { namespace: 'shop' })));
});

test('the operator patches a SumPipeline and its status, and neither creates nor deletes one', async () => {
  await kubectl('apply', '-f', 'manifests/samples/pipeline.yaml');
  const resource: Resource = {
    group: 'sumpipeline.dev',
    version: 'v1alpha1',
    kind: 'SumPipeline',
    plural: 'sumpipelines',
    namespaced: true,
  };
  const name = { namespace: 'default', name: 'orders' };
  const live = await client.get(resource, name);
  await client.mergePatch(
    resource,
    name,
    { metadata: { annotations: { 'sumpipeline.dev/inventory': '[]' } } },
    asOperator,
  );
  const head = { apiVersion: live.apiVersion, kind: live.kind, metadata: name };
  await client.applyStatus(resource, { ...head, status: { topic: 'default.orders' } } as typeof head, asOperator);
  assert.ok(await isForbidden(client.create(resource, { ...head, metadata: { ...name, name: 'other' } }, asOperator)));
  assert.ok(await isForbidden(client.delete(resource, name, { uid: live.metadata.uid })));
});

test('the operator can use only its own Lease for leadership', async () => {
  const leases: Resource = {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    namespaced: true,
  };
  const lease = (name: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: operatorNamespace },
  });
  await client.create(leases, lease(operatorName), asOperator);
  await client.mergePatch(leases, lease(operatorName).metadata, { spec: { holderIdentity: 'a' } }, asOperator);
  await client.create(leases, lease('other'), asOperator);
  assert.ok(await isForbidden(client.get(leases, lease('other').metadata)));
});

test('users who may edit a namespace may edit its pipelines', async () => {
  await kubectl('create', 'rolebinding', 'editors', '--clusterrole=sumpipeline-edit', '--user=jane', '-n', 'shop');
  assert.match(await kubectl('auth', 'can-i', 'create', 'sumpipelines', '-n', 'shop', '--as=jane'), /^yes/);
});

describe('a sample is accepted under strict validation', () => {
  for (const name of ['pipeline.yaml', 'pipeline-strimzi.yaml']) {
    test(name, async () => {
      const file = join('manifests', 'samples', name);
      const answer = await kubectl('apply', '--dry-run=server', '--validate=strict', '-f', file);
      assert.match(answer, /sumpipeline.sumpipeline.dev\/orders/);
    });
  }
});

const renderedSchema = z.object({
  spec: z.object({
    template: z.object({
      spec: z.looseObject({
        containers: z.tuple([
          z.looseObject({
            image: z.string(),
            env: z.array(z.object({ name: z.string(), value: z.string().optional() })),
          }),
        ]),
      }),
    }),
  }),
});

async function renderedPod() {
  const documents = parseAllDocuments(await kubectl('kustomize', 'manifests/operator'));
  const deployment = documents.map((document) => document.toJS()).find(({ kind }) => kind === 'Deployment');
  return renderedSchema.parse(deployment).spec.template.spec;
}

test('the operator can read its environment, and pipelines use its image by default', async () => {
  const [container] = (await renderedPod()).containers;
  const environment = Object.fromEntries(container.env.map(({ name, value = 'from-the-pod' }) => [name, value]));
  const config = operatorEnvironment.parse(environment);
  assert.equal(config.SUMPIPELINE_OPERATOR_IMAGE, container.image);
  assert.deepEqual(
    Object.keys(environment).filter((name) => !(name in config)),
    [],
  );
});

test('the restricted Pod Security Standard admits the operator', async () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'operator', namespace: operatorNamespace },
    spec: await renderedPod(),
  };
  const file = `${server.kubeconfigPath}.pod.json`;
  await writeFile(file, JSON.stringify(pod));
  await kubectl('create', '--dry-run=server', '--validate=strict', '-f', file);
  assert.match(await readFile(join(root, 'manifests', 'operator', 'namespace.yaml'), 'utf8'), /enforce: restricted/);
});

test('the manifests of the development environment are accepted under strict validation', async () => {
  await kubectl('apply', '--server-side', '--dry-run=server', '--validate=strict', '-k', 'manifests/dev');
});

test('the monitor of the operator and the dashboards are accepted under strict validation', async () => {
  await kubectl('create', 'namespace', 'monitoring');
  for (const folder of ['monitoring', 'grafana']) {
    const how = ['--server-side', '--dry-run=server', '--validate=strict'];
    await kubectl('apply', ...how, '-k', `manifests/${folder}`);
  }
});
