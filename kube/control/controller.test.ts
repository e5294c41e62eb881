import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reflector } from '#kube/cache/reflector.ts';
import { KubeClient } from '#kube/client/client.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { buildConfigMap, configMaps } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { scriptedTransport } from '#kube/testing/scriptedTransport.ts';
import { silentLogger } from '#platform/log.ts';
import { Controller, type Reconcile } from './controller.ts';
import { StalledError, WaitingError } from './outcome.ts';

/** Starts a controller with one ConfigMap `default/a`, in a term that the test ends. */
async function start(reconcile: Reconcile, options: { clock?: FakeClock; passTimeoutMs?: number } = {}) {
  const { clock = new FakeClock(), ...limits } = options;
  const listed = {
    ...buildConfigMap('a'),
    metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '5' },
  };
  const transport = scriptedTransport(({ method }) => {
    if (method === 'GET') return { metadata: { resourceVersion: '5' }, items: [structuredClone(listed)] };
    return { ...listed, metadata: { ...listed.metadata, resourceVersion: '9' } };
  });
  const client = new KubeClient(transport);
  const common = { client, clock, random: () => 1, logger: silentLogger, metrics: createRecordingMetrics() };
  const primary = new Reflector({ ...common, resource: configMaps });
  const controller = new Controller({ name: 'test', primary, reconcile, ...limits }, common);
  const stopReflector = new AbortController();
  const reflecting = primary.run(stopReflector.signal);
  const stopTaking = new AbortController();
  const abortPasses = new AbortController();
  let isLeading = true;
  const running = controller.run({
    stopTaking: stopTaking.signal,
    abortPasses: abortPasses.signal,
    assertLeading: () => {
      if (!isLeading) throw new Error('not leading');
    },
  });
  await clock.advance(0);
  return {
    clock,
    controller,
    stopTaking: () => stopTaking.abort(),
    loseLeadership: () => {
      isLeading = false;
    },
    async end() {
      stopTaking.abort();
      abortPasses.abort(new Error('test ended'));
      stopReflector.abort();
      await Promise.all([running, reflecting]);
    },
  };
}

test('the time of the next pass depends on what the pass returns or throws', async () => {
  const results: (() => Promise<{ requeueAfterMs?: number }>)[] = [
    () => Promise.resolve({ requeueAfterMs: 1_000 }),
    () => Promise.reject(new WaitingError('KafkaNotReady', 'x', { retryAfterMs: 5_000 })),
    () => Promise.reject(new StalledError('NameConflict', 'x')),
    () => Promise.reject(new Error('try again')),
    () => Promise.resolve({}),
  ];
  const at: number[] = [];
  const clock = new FakeClock();
  const world = await start(
    () => {
      at.push(clock.monotonicMs());
      return results[at.length - 1]?.() ?? Promise.resolve({});
    },
    { clock },
  );
  await world.clock.advance(10_000_000);
  assert.deepEqual(at, [0, 1_000, 6_000, 606_000, 606_200]);
  await world.end();
});

test('a pass that takes too long is aborted and repeated; a pass that ignores the abort makes the process unhealthy', async () => {
  const aborted: string[] = [];
  let isDeaf = false;
  const world = await start(
    (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(signal.reason.message);
          if (!isDeaf) reject(signal.reason);
        });
        if (aborted.length > 1 && isDeaf) reject(new Error('test over'));
      }),
    { passTimeoutMs: 1_000 },
  );
  await world.clock.advance(1_000);
  assert.deepEqual(aborted, ['the pass over default/a did not end within 1000 ms']);
  assert.equal(world.controller.stuckProblem, undefined);
  isDeaf = true;
  await world.clock.advance(200 + 2_001);
  assert.match(`${world.controller.stuckProblem}`, /a pass of test has been running for 2 s/);
});

test('after the stop signal no pass begins, and the running pass may end', async () => {
  let passes = 0;
  let finish = () => {};
  const world = await start(() => {
    passes += 1;
    return new Promise((resolve) => {
      finish = () => resolve({ requeueAfterMs: 1 });
    });
  });
  world.stopTaking();
  world.controller.enqueue('default/other');
  await world.clock.advance(1_000);
  assert.deepEqual([passes, world.controller.snapshot().active], [1, 1]);
  finish();
  await world.clock.advance(1_000);
  assert.deepEqual([passes, world.controller.snapshot().active], [1, 0]);
  await world.end();
});

test('without leadership a write is refused before it is sent, and reading works', async () => {
  const seen: string[] = [];
  let proceed = () => {};
  const world = await start(async (_, { client }) => {
    await new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const write = client.apply(configMaps, buildConfigMap('a'), { fieldManager: 'm', force: true });
    await write.catch((error: Error) => seen.push(error.message));
    await client.list(configMaps).then(() => seen.push('listed'));
    return {};
  });
  world.loseLeadership();
  proceed();
  await world.clock.advance(0);
  assert.deepEqual(seen, ['not leading', 'listed']);
  await world.end();
});

test('a pass waits until the watch shows its own write, but at most half a minute', async () => {
  const at: number[] = [];
  const clock = new FakeClock();
  const world = await start(
    async (_, { client }) => {
      at.push(clock.monotonicMs());
      if (at.length > 1) return {};
      // The scripted watch sends no event, so the store never shows version 9 of this write.
      await client.apply(configMaps, buildConfigMap('a'), { fieldManager: 'm', force: true });
      return { requeueAfterMs: 10 };
    },
    { clock },
  );
  await world.clock.advance(29_900);
  assert.deepEqual(at, [0]);
  assert.equal(world.controller.snapshot().unseenWrites, 1);
  await world.clock.advance(500);
  assert.equal(at.length, 2);
  assert.equal(world.controller.snapshot().unseenWrites, 0);
  await world.end();
});

test('no pass waits for a dry run', async () => {
  let passes = 0;
  const world = await start(async (_, { client }) => {
    passes += 1;
    await client.apply(configMaps, buildConfigMap('a'), { fieldManager: 'm', force: true, dryRun: true });
    return passes < 3 ? { requeueAfterMs: 10 } : {};
  });
  await world.clock.advance(100);
  assert.equal(passes, 3);
  await world.end();
});
