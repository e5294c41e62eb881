import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeClient } from '#kube/client/client.ts';
import type { Transport } from '#kube/client/transport.ts';
import { connectAs, connectTo } from '#kube/testing/connect.ts';
import { buildConfigMap, configMaps, deployments, widgets } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { silentLogger } from '#platform/log.ts';
import { eventually } from '#test/support/condition.ts';
import { addressOf, startTcpProxy } from '#test/support/tcpProxy.ts';
import type { Reconcile } from './controller.ts';
import { leases } from './lease.ts';
import { Manager, type ManagerOptions } from './manager.ts';

let server: ApiServer;
let client: KubeClient;
let transport: Transport;
const fieldManager = 'runtime-test';
const cleanups: (() => Promise<unknown>)[] = [];
/**
 * Durations of the election. They are short, so that the tests are fast, and have nearly the ratios of the defaults.
 */
const durations = { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 400 };

before(async () => {
  server = await startApiServer({ audit: true });
  ({ client, transport } = connectTo(server.kubeconfigPath));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
after(async () => {
  await transport.close();
  await server.stop();
});

/** Starts a manager that reconciles the ConfigMaps with one label. The test gives the function `reconcile`. */
function manage(setup: { team: string; reconcile: Reconcile; options?: Partial<ManagerOptions> }) {
  const metrics = createRecordingMetrics();
  const manager = new Manager({ client, logger: silentLogger, metrics, ...setup.options });
  const primary = manager.watch(configMaps, { labelSelector: `team=${setup.team}` });
  const controller = manager.addController({ name: setup.team, primary, reconcile: setup.reconcile });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  cleanups.push(() => {
    stop.abort();
    return running;
  });
  return { manager, primary, controller, metrics, running, stop: () => stop.abort() };
}

async function put(name: string, team: string, data: Record<string, string> = {}) {
  return (await client.apply(configMaps, buildConfigMap(name, data, { team }), { fieldManager, force: true })).object;
}

test('a pass runs for every object that is there, for changes of owned objects, and for deletions', async () => {
  const passes: string[] = [];
  await put('basic-a', 'basic');
  const { primary, controller, manager } = manage({
    team: 'basic',
    reconcile: async (key) => {
      passes.push(`${key} ${primary.store.get(key) === undefined ? 'absent' : 'present'}`);
      return {};
    },
  });
  const owned = manager.watch(configMaps, { labelSelector: 'team=basic-owned' });
  controller.watch(owned, (object) => [`default/${object.data?.['owner']}`]);
  await eventually('the first pass', () => passes.length === 1 || manager.readyProblem());
  await put('basic-child', 'basic-owned', { owner: 'basic-a' });
  await eventually('a pass for the child', () => passes.length === 2 || passes);
  const { uid } = (await client.get(configMaps, { namespace: 'default', name: 'basic-a' })).metadata;
  await client.delete(configMaps, { namespace: 'default', name: 'basic-a' }, { uid });
  await eventually('a pass for the deletion', () => passes.length === 3 || passes);
  assert.deepEqual(passes, ['default/basic-a present', 'default/basic-a present', 'default/basic-a absent']);
  assert.equal(manager.readyProblem(), undefined);
  assert.equal(manager.liveProblem(), undefined);
});

test('a pass never reads an older state than the last pass wrote', async () => {
  const written: number[] = [];
  let hasRestPass = false;
  await put('fresh-a', 'fresh', { count: '0' });
  const { primary } = manage({
    team: 'fresh',
    reconcile: async (key, run) => {
      const object = primary.store.get(key);
      const count = Number(object?.data?.['count']) + 1;
      if (count > 50) {
        hasRestPass = true;
        return {};
      }
      written.push(count);
      const patch = { data: { count: String(count) } };
      await run.client.mergePatch(configMaps, { namespace: 'default', name: 'fresh-a' }, patch, { fieldManager });
      // Run the next pass at once, before the watch can show the write.
      return { requeueAfterMs: 0 };
    },
  });
  await eventually('a pass after fifty writes', () => hasRestPass || written.length);
  assert.deepEqual(
    written,
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
});

test('a pass that fails is repeated with growing waits until it succeeds', async () => {
  const at: number[] = [];
  await put('failing-a', 'failing');
  const { controller } = manage({
    team: 'failing',
    reconcile: async () => {
      at.push(performance.now());
      if (at.length < 4) throw new Error('not yet');
      return {};
    },
  });
  await eventually('four passes', () => at.length === 4 || at.length);
  const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  assert(
    waits.every((wait, i) => wait >= 100 * 2 ** i - 5),
    waits.join(),
  );
  await eventually('no failure left', () => controller.snapshot().failing === 0);
});

test('a kind or namespace that a pass adds is watched from then on, only once', async () => {
  await put('late-a', 'late', { watch: 'kube-system' });
  const reflectors = new Set<unknown>();
  const seen: string[] = [];
  const { manager, controller } = manage({
    team: 'late',
    reconcile: async (key) => {
      const topics = manager.watch(configMaps, { namespace: 'kube-system', labelSelector: 'late=1', required: false });
      controller.watch(topics, () => [key]);
      reflectors.add(topics);
      seen.push(`${topics.availability} ${topics.store.size}`);
      return {};
    },
  });
  await eventually('the availability to come back as a pass', () => seen.includes('synced 0') || seen);
  const child = { ...buildConfigMap('late-child', {}, { late: '1' }) };
  await client.create(
    configMaps,
    { ...child, metadata: { ...child.metadata, namespace: 'kube-system' } },
    { fieldManager },
  );
  await eventually('the object', () => seen.includes('synced 1') || seen);
  assert.equal(reflectors.size, 1);
});

test('an absent optional kind does not block readiness; a forbidden required one does, and says so', async () => {
  const user = await connectAs({ server, kubeconfig: await server.kubeconfigFor({ user: 'no-rights' }) });
  cleanups.push(() => user.transport.close());
  const able = manage({ team: 'ready', reconcile: async () => ({}) });
  const optional = able.manager.watch(widgets, { required: false });
  await eventually('ready', () => able.manager.readyProblem() === undefined || able.manager.readyProblem());
  await eventually('absent', () => optional.availability === 'notInstalled' || optional.availability);
  const unable = manage({ team: 'ready', reconcile: async () => ({}), options: { client: user.client } });
  await eventually('forbidden', () => /configmaps is forbidden: .*no-rights/.test(`${unable.manager.readyProblem()}`));
});

test('of two processes one works; when it stops, its pass ends first and the other takes over', async () => {
  await put('pair-a', 'pair');
  const log: string[] = [];
  const start = (identity: string) =>
    manage({
      team: 'pair',
      options: { election: { lease: { namespace: 'default', name: 'pair' }, identity, durations } },
      reconcile: async (_, run) => {
        log.push(`${identity} begins`);
        await delay(500);
        run.signal.throwIfAborted();
        log.push(`${identity} ends`);
        return {};
      },
    });
  const first = start('first');
  await eventually('the first to work', () => log.length > 0 || first.manager.readyProblem());
  const second = start('second');
  await eventually('the standby to be ready', () => second.manager.readyProblem() === undefined);
  first.stop();
  await first.running;
  const { spec } = await client.get(leases, { namespace: 'default', name: 'pair' });
  assert.notEqual(spec?.holderIdentity, 'first');
  const stoppedAt = performance.now();
  await eventually('the second to work', () => log.includes('second ends') || log);
  assert.deepEqual(log.slice(0, 4), ['first begins', 'first ends', 'second begins', 'second ends']);
  assert(performance.now() - stoppedAt < 2000, 'taken over at the next retry, not when the Lease expired');
});

test('a leader that loses the API server is fenced before the other leads: its pass is aborted, its writes refused', async () => {
  const proxy = await startTcpProxy(addressOf(server.url));
  const via = await connectAs({ server, via: `https://127.0.0.1:${proxy.port}` });
  cleanups.push(
    async () => proxy[Symbol.asyncDispose](),
    () => via.transport.close(),
  );
  await put('fence-a', 'fence');
  const log: string[] = [];
  const start = (identity: string, through: KubeClient) =>
    manage({
      team: 'fence',
      options: { client: through, election: { lease: { namespace: 'default', name: 'fence' }, identity, durations } },
      reconcile: async (_, run) => {
        log.push(`${identity} begins`);
        if (identity === 'second') return {};
        await new Promise((resolve) => run.signal.addEventListener('abort', resolve, { once: true }));
        const write = run.client.apply(configMaps, buildConfigMap('fence-child'), { fieldManager, force: true });
        await write.catch((error: Error) => log.push(`first refused: ${error.name}`));
        return {};
      },
    });
  const first = start('first', via.client);
  await eventually('the first to work', () => log.length === 1 || first.manager.readyProblem());
  start('second', client);
  await delay(1000);
  proxy.setSilent(true);
  await eventually('the second to work', () => log.includes('second begins') || log);
  assert.deepEqual(log, ['first begins', 'first refused: LeadershipLostError', 'second begins']);
  assert.equal(await client.find(configMaps, { namespace: 'default', name: 'fence-child' }), undefined);
  assert.equal(first.manager.isLeading, false);
});

test('in the steady state only watches and the Lease cause requests', async () => {
  await put('steady-a', 'steady');
  const proxy = await startTcpProxy(addressOf(server.url));
  const user = { user: 'steady', groups: ['system:masters'] };
  const steady = await connectAs({
    server,
    kubeconfig: await server.kubeconfigFor(user),
    via: `https://127.0.0.1:${proxy.port}`,
  });
  cleanups.push(
    async () => proxy[Symbol.asyncDispose](),
    () => steady.transport.close(),
  );
  let passes = 0;
  const election = { lease: { namespace: 'default', name: 'steady' }, identity: 'steady', durations };
  const { manager } = manage({
    team: 'steady',
    options: { client: steady.client, election },
    reconcile: async (_, run) => {
      passes += 1;
      const child = buildConfigMap('steady-child', { a: '1' }, { team: 'steady-child' });
      await run.client.apply(configMaps, child, { fieldManager, force: true });
      return {};
    },
  });
  manager.watch(deployments);
  manager.watch(widgets, { required: false });
  await eventually('the pass', () => passes === 1 || [passes, manager.isLeading, manager.readyProblem()]);
  await delay(1000);
  const connections = proxy.accepted;
  const since = new Date().toISOString();
  await delay(6000);
  const { auditLog } = server;
  assert(auditLog !== undefined);
  const lines = (await readFile(auditLog, 'utf8')).trim().split('\n');
  const asked = lines
    .map((line) => JSON.parse(line))
    .filter((entry) => entry.user.username === 'steady' && entry.requestReceivedTimestamp > since)
    .map((entry) => `${entry.verb} ${entry.objectRef?.resource}`);
  assert.deepEqual([...new Set(asked)], ['patch leases']);
  assert(asked.length <= 17, `${asked.length} renewals in 6 s at one in 400 ms`);
  assert.equal(passes, 1);
  assert.equal(proxy.accepted, connections, 'no new connection');
});
