import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeClient } from '#kube/client/client.ts';
import { createDiscovery, customResourceDefinitions, type Discovery } from '#kube/client/discovery.ts';
import { errorFromNetwork, errorFromStatus } from '#kube/client/errors.ts';
import type { HttpRequest } from '#kube/client/transport.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { widgets } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { scriptedTransport } from '#kube/testing/scriptedTransport.ts';
import { silentLogger } from '#platform/log.ts';
import { Reflector } from './reflector.ts';

const isWatch = (request: HttpRequest) => request.query?.['watch'] === 'true';
const widget = { metadata: { name: 'w', namespace: 'n', uid: 'u', resourceVersion: '3' } };
const page = () => ({ metadata: { resourceVersion: '5' }, items: [structuredClone(widget)] });
const broken = (request: HttpRequest) => errorFromNetwork(new Error('reset'), request.context);
const refused = (request: HttpRequest, code: number, details = {}) =>
  errorFromStatus({ status: code, body: { kind: 'Status', code, details }, request: request.context });

/** Starts a reflector of widgets with a fake clock. `answer` gives the responses of the API server. */
function reflect(answer: (request: HttpRequest) => unknown, discovery?: Discovery) {
  const clock = new FakeClock();
  const transport = scriptedTransport(answer);
  const common = {
    client: new KubeClient(transport),
    clock,
    random: () => 0.5,
    logger: silentLogger,
    metrics: createRecordingMetrics(),
  };
  const reflector = new Reflector({ ...common, resource: widgets, discovery });
  const changes: string[] = [];
  reflector.onChange((change) => changes.push(`${change.type} ${change.object.metadata.name}`));
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  return { clock, reflector, changes, requests: transport.requests, end, common };
}

test('a server that ends or breaks every watch at once gets fewer and fewer requests', async () => {
  const fates: [string, (request: HttpRequest) => unknown, number][] = [
    ['ends', () => 'end', 12],
    ['breaks', broken, 12],
    ['says gone', (request) => refused(request, 410), 24],
  ];
  for (const [what, fate, most] of fates) {
    const { clock, requests, end } = reflect((request) => (isWatch(request) ? fate(request) : page()));
    await clock.advance(60_000);
    assert(requests.length > 3 && requests.length <= most, `${what}: ${requests.length} requests in a minute`);
    await end();
  }
});

test('a busy server gets no request for as long as it requests', async () => {
  let isBusy = true;
  const { clock, reflector, requests, end } = reflect((request) =>
    isBusy ? refused(request, 429, { retryAfterSeconds: 20 }) : page(),
  );
  await clock.advance(19_000);
  assert.equal(requests.length, 1);
  isBusy = false;
  await clock.advance(2_000);
  assert.equal(reflector.availability, 'synced');
  await end();
});

test('after a 404 although the CRD exists, objects are reported as deleted only after some retries', async () => {
  let isServed = true;
  let doWatch = true;
  const seen: string[] = [];
  const present: Discovery = {
    stateOf: () => 'version 7',
    whenChanged: async (_, state, signal) => {
      seen.push(state);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
  };
  const answer = (request: HttpRequest) => {
    if (isWatch(request)) return doWatch ? 'open' : broken(request);
    return isServed ? page() : undefined;
  };
  const { clock, reflector, changes, end } = reflect(answer, present);
  await clock.advance(0);
  assert.deepEqual(changes, ['added w']);
  isServed = false;
  doWatch = false;
  const refreshing = reflector.refresh(new AbortController().signal);
  await clock.advance(400);
  assert.equal(reflector.availability, 'synced');
  assert.deepEqual(changes, ['added w']);
  await clock.advance(60_000);
  await refreshing;
  assert.equal(reflector.availability, 'notInstalled');
  assert.deepEqual(changes, ['added w', 'deleted w']);
  assert.deepEqual(seen, ['version 7'], 'after some tries it waits for the CRD to change');
  await end();
});

test('without the permission to watch CRDs an absent kind is requested once a minute', async () => {
  let isInstalled = false;
  const forbidden = new Reflector({ ...reflect(() => page()).common, resource: customResourceDefinitions });
  const clock = new FakeClock();
  const discovery = createDiscovery({ crds: forbidden, clock, random: () => 0.5 });
  const transport = scriptedTransport(() => (isInstalled ? page() : undefined));
  const common = {
    client: new KubeClient(transport),
    clock,
    random: () => 0.5,
    logger: silentLogger,
    metrics: createRecordingMetrics(),
  };
  const reflector = new Reflector({ ...common, resource: widgets, discovery });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  await clock.advance(300_000);
  assert.equal(reflector.availability, 'notInstalled');
  assert(transport.requests.length >= 5 && transport.requests.length <= 7, `${transport.requests.length} requests`);
  isInstalled = true;
  await clock.advance(60_000);
  assert.equal(reflector.availability, 'synced');
  stop.abort();
  await running;
});

test('a step that does not end within its time limit makes the process unhealthy', async () => {
  let isHanging = false;
  const { clock, reflector } = reflect((request) => {
    if (isWatch(request)) return 'open';
    return isHanging ? new Promise(() => {}) : page();
  });
  await clock.advance(30_000);
  assert.equal(reflector.stuckProblem, undefined);
  isHanging = true;
  reflector.refresh(new AbortController().signal).catch(() => {});
  await clock.advance(59_000);
  assert.equal(reflector.stuckProblem, undefined);
  await clock.advance(2_000);
  assert.match(`${reflector.stuckProblem}`, /the watch of widgets.test.example.com has been stuck for/);
});

test('an outage is named while it lasts and forgotten when it is over', async () => {
  let isDown = false;
  const { clock, reflector, end } = reflect((request) => {
    if (isDown) return broken(request);
    return isWatch(request) ? 'end' : page();
  });
  await clock.advance(1_000);
  isDown = true;
  await clock.advance(10_000);
  assert.match(`${reflector.problem}`, /no usable answer from the API server: reset/);
  assert.equal(reflector.availability, 'synced');
  assert.equal(reflector.store.size, 1);
  isDown = false;
  await clock.advance(40_000);
  assert.equal(reflector.problem, undefined);
  await end();
});
