import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KubeClient } from '#kube/client/client.ts';
import { errorFromNetwork } from '#kube/client/errors.ts';
import type { Live } from '#kube/client/object.ts';
import type { Transport } from '#kube/client/transport.ts';
import { connectTo } from '#kube/testing/connect.ts';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { buildConfigMap, configMaps, namespaces } from '#kube/testing/kinds.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { scriptedTransport } from '#kube/testing/scriptedTransport.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { silentLogger } from '#platform/log.ts';
import { createRecorder, type EventRecord, events } from './recorder.ts';

let server: ApiServer;
let client: KubeClient;
let transport: Transport;

before(async () => {
  server = await startApiServer();
  ({ client, transport } = connectTo(server.kubeconfigPath));
});
after(async () => {
  await transport.close();
  await server.stop();
});

function record(through: KubeClient = client) {
  const clock = new FakeClock();
  clock.wallOffsetMs = Date.now();
  const metrics = createRecordingMetrics();
  const recorder = createRecorder({
    client: through,
    reportingController: 'example.dev/operator',
    reportingInstance: 'operator-0',
    clock,
    random: Math.random,
    logger: silentLogger,
    metrics,
  });
  const count = (outcome: string) => metrics.count('events_recorded_total', { outcome });
  return { recorder, clock, count };
}

const put = async (name: string) =>
  (await client.apply(configMaps, buildConfigMap(name), { fieldManager: 'test', force: true })).object;

const what = (regarding: Live, note: string): EventRecord => ({
  regarding,
  type: 'Warning',
  reason: 'NameConflict',
  action: 'Apply',
  note,
});

async function eventsOf(name: string) {
  const { items } = await client.list(events, { fieldSelector: `regarding.name=${name}` });
  return items;
}

test('an event is shown at its object; repetitions become a series on it, every five minutes at most', async () => {
  const object = await put('repeated');
  const { recorder, clock, count } = record();
  for (let i = 0; i < 20; i += 1) {
    recorder.record(what(object, 'the Service is not ours'));
    await clock.advance(30_000);
  }
  await recorder.flush();
  const [event, ...others] = await eventsOf('repeated');
  assert.equal(others.length, 0);
  assert.equal(event?.note, 'the Service is not ours');
  assert.equal(event?.regarding.uid, object.metadata.uid);
  assert.equal(event?.series?.count, 11);
  assert.deepEqual([count('created'), count('repeated'), count('suppressed'), count('failed')], [1, 1, 18, 0]);
});

test('the events of an object that always produces new texts are limited', async () => {
  const object = await put('noisy');
  const { recorder, clock, count } = record();
  for (let i = 0; i < 40; i += 1) recorder.record(what(object, `text ${i}`));
  await clock.advance(300_000);
  recorder.record(what(object, 'five minutes later'));
  await recorder.flush();
  assert.equal((await eventsOf('noisy')).length, 26);
  assert.equal(count('suppressed'), 15);
});

test('an event of a cluster-scoped object, and one with a text that is too long, are accepted by the server', async () => {
  const { recorder, count } = record();
  recorder.record(what(await client.get(namespaces, { name: 'kube-system' }), 'x'));
  recorder.record(what(await put('long'), '€'.repeat(2000)));
  await recorder.flush();
  assert.equal(count('created'), 2);
  const [event] = await eventsOf('long');
  assert(Buffer.byteLength(event?.note ?? '') <= 1024);
  assert.match(event?.note ?? '', /^€+…$/);
});

test('when the API server does not respond, recording neither waits nor throws, and the number of waiting events is limited', async () => {
  const object = await put('unheard');
  const broken = scriptedTransport(({ context }) => errorFromNetwork(new Error('down'), context));
  const { recorder, count } = record(new KubeClient(broken));
  for (let i = 0; i < 150; i += 1) {
    const other = { ...object, metadata: { ...object.metadata, uid: `uid-${i}` } };
    recorder.record(what(other, 'x'));
  }
  assert.equal(count('dropped'), 50);
  await recorder.flush();
  assert.equal(count('failed'), 100);
});
