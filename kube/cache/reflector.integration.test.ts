import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { KubeClient } from '#kube/client/client.ts';
import { createDiscovery, customResourceDefinitions, isServed } from '#kube/client/discovery.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import { apiVersionOf, type KubeObject } from '#kube/client/object.ts';
import type { Transport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import { connectAs, connectTo } from '#kube/testing/connect.ts';
import { buildConfigMap, buildWidgetCrd, configMaps, crdsInFull, widgets } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { silentLogger } from '#platform/log.ts';
import { eventually } from '#test/support/condition.ts';
import { addressOf, startTcpProxy } from '#test/support/tcpProxy.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

let server: ApiServer;
let client: KubeClient;
let transport: Transport;
const fieldManager = 'runtime-test';
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  server = await startApiServer();
  ({ client, transport } = connectTo(server.kubeconfigPath));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
after(async () => {
  await transport.close();
  await server.stop();
});

/** Starts a reflector that records every change as `type name`. */
function reflect<T extends KubeObject>(options: Pick<ReflectorOptions<T>, 'resource'> & Partial<ReflectorOptions<T>>) {
  const metrics = createRecordingMetrics();
  const common = { client, clock: systemClock, random: Math.random, logger: silentLogger, metrics };
  const reflector = new Reflector<T>({ ...common, ...options });
  const changes: string[] = [];
  reflector.onChange((change) => changes.push(`${change.type} ${change.object.metadata.name}`));
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  cleanups.push(async () => {
    stop.abort();
    await running;
  });
  const count = (name: string, labels: object = {}) =>
    metrics.count(name, { resource: options.resource.plural, ...labels });
  return { reflector, changes, count };
}

async function put(name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) {
  return (await client.apply(configMaps, buildConfigMap(name, data, labels), { fieldManager, force: true })).object;
}

async function remove(name: string): Promise<void> {
  const object = await client.get(configMaps, { namespace: 'default', name });
  await client.delete(configMaps, { namespace: 'default', name }, { uid: object.metadata.uid });
}

const synced = (reflector: { availability: string; problem: string | undefined }) =>
  eventually(
    'the first list',
    () => reflector.availability === 'synced' || `${reflector.availability} ${reflector.problem}`,
  );

test('objects of the first list and all later changes are in the store, in order', async () => {
  const labelSelector = 'test=follow';
  await put('follow-a', {}, { test: 'follow' });
  const { reflector, changes } = reflect({ resource: configMaps, labelSelector, pageSize: 1 });
  await synced(reflector);
  await put('follow-b', {}, { test: 'follow' });
  await put('follow-b', { x: '1' }, { test: 'follow' });
  await remove('follow-a');
  await eventually('four changes', () => changes.length === 4 || changes);
  assert.deepEqual(changes, ['added follow-a', 'added follow-b', 'modified follow-b', 'deleted follow-a']);
  assert.deepEqual(reflector.store.get('default/follow-b')?.data, { x: '1' });
  assert.equal(reflector.store.get('default/follow-b')?.metadata.managedFields, undefined);
  assert.equal(reflector.store.size, 1);
});

test('a handler that throws ends neither the watch nor the process, and other handlers are called', async () => {
  const { reflector, changes, count } = reflect({ resource: configMaps, labelSelector: 'test=throw' });
  reflector.onChange(() => {
    throw new Error('handler broken');
  });
  await synced(reflector);
  await put('throw-a', {}, { test: 'throw' });
  await put('throw-b', {}, { test: 'throw' });
  await eventually('both changes', () => changes.length === 2 || changes);
  assert.equal(count('reflector_handler_failures_total'), 2);
});

test('after a cut connection the watch continues at the last version: no list, no lost change', async () => {
  const proxy = await startTcpProxy(addressOf(server.url));
  const via = await connectAs({ server, via: `https://127.0.0.1:${proxy.port}` });
  cleanups.push(
    async () => proxy[Symbol.asyncDispose](),
    () => via.transport.close(),
  );
  const select = { resource: configMaps, labelSelector: 'test=cut', client: via.client };
  const { reflector, changes, count } = reflect(select);
  await synced(reflector);
  await eventually('a watch', () => count('reflector_watches_total') === 1);
  for (let round = 0; round < 3; round += 1) {
    proxy.cut();
    await put(`cut-${round}`, {}, { test: 'cut' });
    await eventually(`change ${round}`, () => changes.length === round + 1 || [changes, reflector.problem]);
  }
  assert.equal(count('reflector_lists_total'), 1);
  assert.deepEqual(changes, ['added cut-0', 'added cut-1', 'added cut-2']);
  assert.equal(reflector.problem, undefined);
});

test('a silent connection is closed, and later changes arrive through a new one', async () => {
  const proxy = await startTcpProxy(addressOf(server.url));
  const via = await connectAs({ server, via: `https://127.0.0.1:${proxy.port}` });
  cleanups.push(
    async () => proxy[Symbol.asyncDispose](),
    () => via.transport.close(),
  );
  const select = { resource: configMaps, labelSelector: 'test=silent', client: via.client, silenceMs: 1500 };
  const { reflector, changes, count } = reflect(select);
  // Wait for a change that comes through the watch. Otherwise the test could silence the first list.
  await synced(reflector);
  await put('silent-before', {}, { test: 'silent' });
  await eventually('a change', () => changes.length === 1 || [changes, reflector.problem]);
  proxy.setSilent(true);
  const failures = () => count('reflector_failures_total', { class: 'transient' });
  // Here 1.5 s without a byte count as a failure, also on a server without changes.
  const before = failures();
  await put('silent-during', {}, { test: 'silent' });
  await eventually('a failure', () => failures() > before || [changes, reflector.problem]);
  assert.deepEqual(changes, ['added silent-before']);
  proxy.setSilent(false);
  proxy.cut();
  await eventually('the change', () => changes.length === 2 || [changes, reflector.problem], 40_000);
});

test('kill -9 and restart of the API server: all changes before and after arrive, deletions included', async () => {
  await put('restart-gone', {}, { test: 'restart' });
  await put('restart-kept', {}, { test: 'restart' });
  const { reflector, changes } = reflect({ resource: configMaps, labelSelector: 'test=restart' });
  await synced(reflector);
  for (let round = 0; round < 2; round += 1) {
    await server.restart();
    await put(`restart-${round}`, {}, { test: 'restart' });
    if (round === 0) await remove('restart-gone');
    const key = `default/restart-${round}`;
    await eventually(`change ${round}`, () => reflector.store.get(key) !== undefined || reflector.problem, 40_000);
  }
  await eventually('the deletion', () => reflector.store.get('default/restart-gone') === undefined);
  assert.deepEqual([...changes].sort(), [
    'added restart-0',
    'added restart-1',
    'added restart-gone',
    'added restart-kept',
    'deleted restart-gone',
  ]);
});

test('a version that is too old leads to a new list, which reports what is gone as deleted', async () => {
  await put('old-gone', {}, { test: 'old' });
  await put('old-kept', {}, { test: 'old' });
  // Change the version in one request for a watch to a version that is too old. The real server responds with 410.
  let isOld = false;
  const aged = new KubeClient({
    ...transport,
    stream(request) {
      const resourceVersion = isOld ? '1' : request.query?.['resourceVersion'];
      isOld = false;
      return transport.stream({ ...request, query: { ...request.query, resourceVersion } });
    },
  });
  // After a restart the server has no old versions, so version 1 is certainly too old.
  await server.restart();
  const { reflector, changes, count } = reflect({
    resource: configMaps,
    labelSelector: 'test=old',
    client: aged,
    watchSeconds: 2,
  });
  await synced(reflector);
  isOld = true;
  await eventually('410', () => count('reflector_failures_total', { class: 'gone' }) === 1 || reflector.problem);
  await remove('old-gone');
  await eventually('the deletion', () => changes.includes('deleted old-gone'));
  assert(count('reflector_lists_total') >= 2);
  assert.equal(reflector.store.size, 1);
});

test('refresh resolves when a list that began after the call is in the store', async () => {
  const { reflector, count } = reflect({ resource: configMaps, labelSelector: 'test=refresh' });
  await synced(reflector);
  const lists = count('reflector_lists_total');
  await put('refresh-a', {}, { test: 'refresh' });
  await reflector.refresh(new AbortController().signal);
  assert.equal(reflector.store.size, 1);
  assert.equal(count('reflector_lists_total'), lists + 1);
  const stop = new AbortController();
  const refused = assert.rejects(reflector.refresh(stop.signal), /stopped/);
  stop.abort(new Error('stopped'));
  await refused;
});

test('without the permission to list a kind is forbidden; when the permission is granted, it is watched', async () => {
  const user = await connectAs({ server, kubeconfig: await server.kubeconfigFor({ user: 'late' }) });
  cleanups.push(() => user.transport.close());
  const select = { resource: configMaps, namespace: 'default', client: user.client };
  const { reflector } = reflect(select);
  await eventually('forbidden', () => reflector.availability === 'forbidden' || reflector.availability);
  const rbac = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: true };
  const roles = { ...rbac, kind: 'Role', plural: 'roles' };
  const bindings = { ...rbac, kind: 'RoleBinding', plural: 'rolebindings' };
  const metadata = { name: 'late', namespace: 'default' };
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch'] }];
  const role: KubeObject & { rules: unknown } = { apiVersion: apiVersionOf(rbac), kind: 'Role', metadata, rules };
  await client.create(roles, role, { fieldManager });
  const roleRef = { apiGroup: rbac.group, kind: 'Role', name: 'late' };
  const subjects = [{ kind: 'User', apiGroup: rbac.group, name: 'late' }];
  const binding: KubeObject & { roleRef: unknown; subjects: unknown } = {
    apiVersion: apiVersionOf(rbac),
    kind: 'RoleBinding',
    metadata,
    roleRef,
    subjects,
  };
  await client.create(bindings, binding, { fieldManager });
  await synced(reflector);
});

test('a server that starts refuses requests for a moment: that does not count as forbidden', async () => {
  // The test above granted the permissions.
  const user = await connectAs({ server, kubeconfig: await server.kubeconfigFor({ user: 'late' }) });
  cleanups.push(() => user.transport.close());
  const { reflector, changes } = reflect({ resource: configMaps, namespace: 'default', client: user.client });
  const seen: string[] = [];
  reflector.onAvailability((availability) => seen.push(availability));
  await synced(reflector);
  for (let round = 0; round < 3; round += 1) {
    await server.restart();
    const name = `starting-${round}`;
    await put(name);
    await eventually('the change', () => changes.includes(`added ${name}`) || reflector.problem, 15_000);
  }
  assert.deepEqual(seen, ['synced']);
});

test('a kind that is not installed causes no requests; it is watched when installed and emptied when removed', async () => {
  const crds = reflect({ resource: customResourceDefinitions, metadataOnly: true });
  const discovery = createDiscovery({ crds: crds.reflector, clock: systemClock, random: Math.random });
  await synced(crds.reflector);
  const { reflector, changes, count } = reflect({ resource: widgets, discovery });
  await eventually('notInstalled', () => reflector.availability === 'notInstalled' || reflector.availability);
  assert.equal(await isServed(client, widgets), false);
  const failures = count('reflector_failures_total', { class: 'notFound', resource: 'widgets.test.example.com' });

  const crd = await client.create(crdsInFull, buildWidgetCrd(), { fieldManager });
  await eventually('synced', () => reflector.availability === 'synced' || [reflector.availability, reflector.problem]);
  assert.equal(failures, 1);
  assert.equal(await isServed(client, widgets), true);
  const widget = { apiVersion: 'test.example.com/v1', kind: 'Widget', metadata: { name: 'w', namespace: 'default' } };
  await client.create(widgets, widget, { fieldManager });
  await eventually('the widget', () => changes.length === 1 || changes);

  await client.delete(crdsInFull, { name: crd.metadata.name }, { uid: crd.metadata.uid });
  await eventually('notInstalled', () => reflector.availability === 'notInstalled' || reflector.availability);
  assert.deepEqual(changes, ['added w', 'deleted w']);
  await eventually('again', async () => {
    try {
      await client.create(crdsInFull, buildWidgetCrd(), { fieldManager });
      return true;
    } catch (error) {
      if (!isKubernetesError(error, 'alreadyExists', 'conflict')) throw error;
      return error.message;
    }
  });
  await eventually('synced', () => reflector.availability === 'synced' || [reflector.availability, reflector.problem]);
});

test('5,000 objects need little memory and survive a second list', async () => {
  const text = 'x'.repeat(1000);
  for (let from = 0; from < 5000; from += 50) {
    const batch = Array.from({ length: 50 }, (_, i) =>
      client.create(configMaps, buildConfigMap(`many-${from + i}`, { text }, { test: 'many' }), { fieldManager }),
    );
    await Promise.all(batch);
  }
  globalThis.gc?.();
  const beforeBytes = process.memoryUsage().heapUsed;
  const { reflector, changes } = reflect({ resource: configMaps, labelSelector: 'test=many' });
  await synced(reflector);
  assert.equal(reflector.store.size, 5000);
  for (let i = 0; i < 3; i += 1) await reflector.refresh(new AbortController().signal);
  assert.equal(changes.length, 5000);
  globalThis.gc?.();
  const megabytes = (process.memoryUsage().heapUsed - beforeBytes) / 2 ** 20;
  const isExact = globalThis.gc !== undefined;
  assert(megabytes < (isExact ? 25 : 100), `${megabytes.toFixed(1)} MiB for 5,000 objects of 1 KiB`);
});
