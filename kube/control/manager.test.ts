import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeClient } from '#kube/client/client.ts';
import type { HttpRequest } from '#kube/client/transport.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { configMaps, deployments } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { scriptedTransport } from '#kube/testing/scriptedTransport.ts';
import { silentLogger } from '#platform/log.ts';
import type { Reconcile } from './controller.ts';
import { Manager } from './manager.ts';

const item = { metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '3' } };
const page = () => ({ metadata: { resourceVersion: '5' }, items: [structuredClone(item)] });

/** Starts a manager without leader election. Its API server has one ConfigMap, and its clock is a fake. */
function manage(setup: { reconcile: Reconcile; answer?: (request: HttpRequest) => unknown; drainMs?: number }) {
  const clock = new FakeClock();
  const transport = scriptedTransport((request) => {
    if (request.query?.['watch'] === 'true') return 'open';
    return setup.answer === undefined ? page() : setup.answer(request);
  });
  const { drainMs = 10_000 } = setup;
  const common = { logger: silentLogger, metrics: createRecordingMetrics(), clock, random: () => 0.5, drainMs };
  const manager = new Manager({ client: new KubeClient(transport), ...common });
  const primary = manager.watch(configMaps);
  manager.addController({ name: 'test', primary, reconcile: setup.reconcile });
  const stop = new AbortController();
  let hasEnded = false;
  const running = manager.run(stop.signal).then(() => {
    hasEnded = true;
  });
  return { clock, manager, transport, stop: () => stop.abort(), running, hasEnded: () => hasEnded };
}

test('a kind that is added during the first lists does not delay the passes', async () => {
  let release = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  let passes = 0;
  const { clock, manager, stop, running } = manage({
    reconcile: async () => {
      passes += 1;
      return {};
    },
    answer: async ({ context }) => {
      if (context.kind === 'ConfigMap') await slow;
      return page();
    },
  });
  await clock.advance(0);
  assert.match(`${manager.readyProblem()}`, /configmaps is pending/);
  manager.watch(deployments);
  release();
  await clock.advance(0);
  assert.equal(manager.readyProblem(), undefined);
  assert.equal(passes, 1);
  stop();
  await running;
});

test('after a stop the running pass may end within a limit, and the watches end last', async () => {
  let reason: unknown;
  const { clock, stop, running, hasEnded, manager } = manage({
    drainMs: 3_000,
    reconcile: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      }),
  });
  await clock.advance(0);
  assert.equal(manager.isLeading, true);
  stop();
  await clock.advance(2_999);
  assert.deepEqual([reason, hasEnded()], [undefined, false]);
  await clock.advance(1);
  await running;
  assert.match(`${reason}`, /the pass did not end within 3000 ms/);
  assert.equal(manager.isLeading, false);
});

test('before the first pass every kind is listed again, so that no write of the last leader is missing', async () => {
  let lists = 0;
  let listsAtFirstPass = 0;
  const { clock, stop, running } = manage({
    reconcile: async () => {
      listsAtFirstPass ||= lists;
      return {};
    },
    answer: ({ context }) => {
      if (context.kind === 'ConfigMap') lists += 1;
      return page();
    },
  });
  await clock.advance(0);
  assert.equal(listsAtFirstPass, 2);
  stop();
  await running;
});

test('the same selection gives the same reflector, another selection gives another one', () => {
  const { manager } = manage({ reconcile: async () => ({}) });
  assert.equal(manager.watch(deployments), manager.watch(deployments));
  assert.notEqual(manager.watch(deployments), manager.watch(deployments, { namespace: 'team' }));
});

test('durations that would allow two leaders are refused before anything starts', () => {
  const election = { lease: { namespace: 'n', name: 'l' }, identity: 'i', durations: { renewDeadlineMs: 20_000 } };
  const client = new KubeClient(scriptedTransport(() => undefined));
  assert.throws(
    () => new Manager({ client, logger: silentLogger, metrics: createRecordingMetrics(), election }),
    /two processes lead/,
  );
});
