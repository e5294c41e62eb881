import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AdminServer, startAdminServer } from './admin.ts';
import { createMetrics } from './metrics.ts';

const { metrics, exposition } = createMetrics(
  {
    test_total: { type: 'counter', help: 'Things.', labels: { kind: ['a', 'b'] } },
    test_gauge: { type: 'gauge', help: 'A thing.' },
    test_seconds: { type: 'histogram', help: 'Time.', buckets: [1] },
  },
  { processMetrics: false },
);
let server: AdminServer;
let readyProblem: string | undefined = 'not connected';
let liveProblem: string | undefined;

before(async () => {
  server = await startAdminServer({
    address: '127.0.0.1',
    port: 0,
    liveProblem: () => liveProblem,
    readyProblem: () => readyProblem,
    metrics: exposition,
    describe: () => ['leads: no', 'watches: 2'],
  });
});
after(() => server.close());

async function get(path: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return [response.status, await response.text()];
}

test('a probe says why it fails', async () => {
  assert.deepEqual(await get('/readyz'), [503, 'not connected\n']);
  readyProblem = undefined;
  assert.deepEqual(await get('/readyz?verbose'), [200, 'ok\n']);
  assert.deepEqual(await get('/livez'), [200, 'ok\n']);
  liveProblem = 'stuck';
  assert.deepEqual(await get('/livez'), [503, 'stuck\n']);
  assert.deepEqual(await get('/'), [404, 'try /livez, /readyz, /metrics, /statusz\n']);
});

test('what the process does is shown line by line', async () => {
  assert.deepEqual(await get('/statusz'), [200, 'leads: no\nwatches: 2\n']);
});

test('a gauge that was never set is absent, and so is a removed one', async () => {
  assert.doesNotMatch((await get('/metrics'))[1], /^test_gauge /m);
  metrics.test_gauge.set(0);
  assert.match((await get('/metrics'))[1], /^test_gauge 0$/m);
  metrics.test_gauge.remove();
  assert.doesNotMatch((await get('/metrics'))[1], /^test_gauge /m);
});

test('counters and histograms count', async () => {
  metrics.test_total.inc({ kind: 'a' }, 2);
  metrics.test_seconds.observe(0.5);
  const [, text] = await get('/metrics');
  assert.match(text, /test_total\{kind="a"\} 2/);
  assert.match(text, /test_seconds_bucket\{le="1"\} 1/);
  // In OpenMetrics the name of the family has no suffix such as _total.
  assert.match(text, /# HELP test Things\./);
});

test('a counter begins at 0 for every value of its labels', async () => {
  assert.match((await get('/metrics'))[1], /test_total\{kind="b"\} 0/);
});
