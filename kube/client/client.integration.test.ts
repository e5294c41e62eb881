import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectAs, connectTo } from '#kube/testing/connect.ts';
import { buildConfigMap, buildDeployment, configMaps, deployments } from '#kube/testing/kinds.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { addressOf, startTcpProxy } from '#test/support/tcpProxy.ts';
import type { KubeClient } from './client.ts';
import { isKubernetesError } from './errors.ts';
import type { Transport } from './transport.ts';

let server: ApiServer;
let client: KubeClient;
let transport: Transport;
const asMe = { fieldManager: 'runtime-test', force: true };
const name = (of: string) => ({ namespace: 'default', name: of });

before(async () => {
  server = await startApiServer();
  ({ client, transport } = connectTo(server.kubeconfigPath));
});
after(async () => {
  await transport.close();
  await server.stop();
});

/** Returns the class of the error, or the result if there was no error. */
async function classOf(work: Promise<unknown>): Promise<string> {
  try {
    return `no error: ${JSON.stringify(await work)}`;
  } catch (error) {
    return isKubernetesError(error) ? error.class : `${error}`;
  }
}

test('apply says whether it created the object, and repeats without a new version', async () => {
  const first = await client.apply(configMaps, buildConfigMap('applied', { a: '1' }), asMe);
  const second = await client.apply(configMaps, buildConfigMap('applied', { a: '1' }), asMe);
  assert.equal(first.created, true);
  assert.equal(second.created, false);
  assert.equal(second.object.metadata.resourceVersion, first.object.metadata.resourceVersion);
});

test('apply of a field of another manager conflicts and names manager and field; force takes the field over', async () => {
  await client.apply(configMaps, buildConfigMap('owned', { a: '1' }), asMe);
  const other = { fieldManager: 'other-manager', force: false };
  await assert.rejects(client.apply(configMaps, buildConfigMap('owned', { a: '2' }), other), (error) => {
    assert(isKubernetesError(error, 'conflict'));
    assert.match(error.message, /^apply ConfigMap default\/owned: .*runtime-test/);
    assert.equal(error.causes[0]?.field, '.data.a');
    return true;
  });
  const taken = await client.apply(configMaps, buildConfigMap('owned', { a: '2' }), { ...other, force: true });
  assert.deepEqual(taken.object.data, { a: '2' });
});

test('apply with a uid conflicts when the object has another uid or does not exist', async () => {
  const uid = '00000000-0000-4000-8000-000000000000';
  await client.apply(configMaps, buildConfigMap('identity'), asMe);
  const foreign = buildConfigMap('identity');
  foreign.metadata.uid = uid;
  assert.equal(await classOf(client.apply(configMaps, foreign, asMe)), 'conflict');
  const absent = buildConfigMap('identity-absent');
  absent.metadata.uid = uid;
  assert.equal(await classOf(client.apply(configMaps, absent, asMe)), 'conflict');
});

test('a field that the kind does not have is terminal: no retry', async () => {
  const wrong = buildDeployment('unknown-field', { replicaz: 3 });
  await assert.rejects(client.apply(deployments, wrong, asMe), (error) => {
    assert(isKubernetesError(error, 'terminal'));
    assert.equal(error.status, 500);
    assert.match(error.message, /failed to create typed patch object/);
    return true;
  });
});

test('an object that breaks a rule is invalid, with the field', async () => {
  await assert.rejects(client.apply(deployments, buildDeployment('no-rules', { replicas: -1 }), asMe), (error) => {
    assert(isKubernetesError(error, 'invalid'));
    assert.equal(error.status, 422);
    assert.equal(error.causes[0]?.field, 'spec.replicas');
    return true;
  });
});

test('delete needs the uid of the live object', async () => {
  const { object } = await client.apply(configMaps, buildConfigMap('doomed'), asMe);
  const uid = '00000000-0000-4000-8000-000000000000';
  assert.equal(await classOf(client.delete(configMaps, name('doomed'), { uid })), 'conflict');
  const stale = { uid: object.metadata.uid, resourceVersion: '1' };
  assert.equal(await classOf(client.delete(configMaps, name('doomed'), stale)), 'conflict');
  await client.delete(configMaps, name('doomed'), { uid: object.metadata.uid });
  assert.equal(await classOf(client.delete(configMaps, name('doomed'), stale)), 'notFound');
  assert.equal(await client.find(configMaps, name('doomed')), undefined);
});

test('create of a taken name is alreadyExists', async () => {
  await client.create(configMaps, buildConfigMap('taken'), { fieldManager: 'a' });
  assert.equal(
    await classOf(client.create(configMaps, buildConfigMap('taken'), { fieldManager: 'a' })),
    'alreadyExists',
  );
});

test('replicas written through /scale survive the next apply, whose manager never owns them', async () => {
  await client.apply(deployments, buildDeployment('scaled'), asMe);
  const fieldManager = 'runtime-test-replicas';
  await client.mergePatch(
    deployments,
    name('scaled'),
    { spec: { replicas: 3 } },
    { fieldManager, subresource: 'scale' },
  );
  await client.apply(deployments, buildDeployment('scaled'), asMe);
  const live = await client.get(deployments, name('scaled'));
  assert.equal(live.spec.replicas, 3);
  const owners = live.metadata.managedFields?.filter((entry) => JSON.stringify(entry.fieldsV1).includes('f:replicas'));
  assert.deepEqual(
    owners?.filter((entry) => entry.manager === asMe.fieldManager),
    [],
  );
});

test('applyStatus writes the status and nothing else', async () => {
  const { object } = await client.apply(deployments, buildDeployment('reported'), asMe);
  const status = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: name('reported'),
    spec: {},
    status: { observedGeneration: 7 },
  };
  const written = await client.applyStatus(deployments, status, { fieldManager: 'kubelet', force: true });
  assert.equal(written.metadata.generation, object.metadata.generation);
  assert.deepEqual({ status: 'status' in written && written.status }, { status: { observedGeneration: 7 } });
});

test('a dry run returns the same as a write and stores nothing', async () => {
  const { created } = await client.apply(configMaps, buildConfigMap('imagined'), { ...asMe, dryRun: true });
  assert.equal(created, true);
  assert.equal(await client.find(configMaps, name('imagined')), undefined);
});

test('a merge patch on an old version conflicts', async () => {
  const { object } = await client.apply(configMaps, buildConfigMap('patched'), asMe);
  const resourceVersion = object.metadata.resourceVersion;
  const patch = (value: string) =>
    client.mergePatch(configMaps, name('patched'), { metadata: { resourceVersion }, data: { value } }, asMe);
  assert.deepEqual((await patch('first')).data, { value: 'first' });
  assert.equal(await classOf(patch('second')), 'conflict');
});

test('lists come in pages of one version, and metadata alone when asked', async () => {
  const fieldManager = 'runtime-test';
  for (let i = 0; i < 5; i += 1) {
    await client.create(configMaps, buildConfigMap(`page-${i}`, { a: 'b' }, { test: 'pages' }), { fieldManager });
  }
  const select = { namespace: 'default', labelSelector: 'test=pages', limit: 2 };
  const first = await client.list(configMaps, { ...select, metadataOnly: true });
  const second = await client.list(configMaps, { ...select, continue: first.continue });
  const third = await client.list(configMaps, { ...select, continue: second.continue });
  assert.deepEqual(
    [first, second, third].map((page) => page.items.map((item) => item.metadata.name)),
    [['page-0', 'page-1'], ['page-2', 'page-3'], ['page-4']],
  );
  assert.equal(third.continue, undefined);
  assert.deepEqual(new Set([first, second, third].map((page) => page.resourceVersion)).size, 1);
  assert.equal(first.items[0]?.data, undefined);
  assert.equal(first.items[0]?.kind, 'ConfigMap');
  assert.equal(second.items[0]?.data?.['a'], 'b');
});

test('a user without permissions is forbidden', async () => {
  const visitor = await connectAs({ server, kubeconfig: await server.kubeconfigFor({ user: 'no-rights' }) });
  try {
    assert.equal(await classOf(visitor.client.list(configMaps)), 'forbidden');
  } finally {
    await visitor.transport.close();
  }
});

test('an aborted call throws the reason of its signal, a slow one is transient', async () => {
  const proxy = await startTcpProxy(addressOf(server.url));
  const slow = await connectAs({ server, via: `https://127.0.0.1:${proxy.port}` });
  try {
    proxy.setSilent(true);
    const startedAt = performance.now();
    const reason = new Error('changed my mind');
    await assert.rejects(
      client.get(configMaps, name('x'), { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    await assert.rejects(slow.client.get(configMaps, name('x'), { timeoutMs: 200 }), (error) => {
      assert(isKubernetesError(error, 'transient'));
      assert.equal(error.reason, 'Timeout');
      return true;
    });
    assert(performance.now() - startedAt < 2000, 'the timeout counts while the connection is being made, too');
  } finally {
    await slow.transport.close();
    await proxy[Symbol.asyncDispose]();
  }
});

// Allow two connections: undici frees a connection a moment after the response was read. If the next call starts
// before this moment, it needs a second connection.
test('a hundred calls in a row share two connections', async () => {
  const proxy = await startTcpProxy(addressOf(server.url));
  const near = await connectAs({ server, via: `https://127.0.0.1:${proxy.port}` });
  try {
    for (let i = 0; i < 100; i += 1) await near.client.find(configMaps, name(`absent-${i}`));
    assert(proxy.accepted <= 2, `${proxy.accepted} connections`);
  } finally {
    await near.transport.close();
    await proxy[Symbol.asyncDispose]();
  }
});
