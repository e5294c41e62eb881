import assert from 'node:assert/strict';
import { request } from 'node:https';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { kubeconfigCredentials, type TlsMaterial } from '#kube/client/credentials.ts';
import { type ApiClient, connectAdmin } from '#lab/cluster/apiClient.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { type Adapter, startAdapter } from './adapter.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { startPrometheusOperator } from './prometheusOperator.ts';
import { createPrometheusClient, type PrometheusClient } from './query.ts';

/** Tests of the real programs of monitoring with a real API server, in the order of the data flow. */

const stack = new AsyncDisposableStack();
const problems: string[] = [];
let api: ApiServer;
let tls: TlsMaterial;
let client: ApiClient;
let prometheus: Prometheus;
let adapter: Adapter;
let values: PrometheusClient;

before(async () => {
  const progress = createProgress();
  const folder = stack.use(await createTemporaryFolder());
  api = stack.use(await startApiServer({ progress }));
  ({ tls } = await kubeconfigCredentials({ file: api.kubeconfigPath, env: {} }).load());
  client = stack.use(connectAdmin(api.kubeconfigPath));
  prometheus = stack.use(await startPrometheus({ dir: join(folder.path, 'prometheus') }));
  values = createPrometheusClient(prometheus.url);
  const shared = { client, kubeconfigPath: api.kubeconfigPath, progress };
  stack.use(
    await startPrometheusOperator({
      ...shared,
      dir: join(folder.path, 'operator'),
      interval: '1s',
      prometheus,
      complain: (problem) => problems.push(problem),
    }),
  );
  adapter = stack.use(
    await startAdapter({
      ...shared,
      dir: join(folder.path, 'adapter'),
      prometheusUrl: prometheus.url,
      valuesPath: join(import.meta.dirname, 'testing', 'adapterValues.yaml'),
      isRegistered: false, // without kube-proxy the API server cannot reach a Service
    }),
  );
});

after(() => stack.disposeAsync());

const pipeline = { namespace: 'default', pipeline: 'orders' };

test('a PrometheusRule and a ServiceMonitor reach the Prometheus process as prometheus-operator generates them', async () => {
  const metadata = { name: 'orders', namespace: 'default' };
  const monitoring = '/apis/monitoring.coreos.com/v1/namespaces/default';
  await client.apply(`${monitoring}/prometheusrules/orders`, {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata,
    spec: {
      groups: [
        {
          name: 'scaling',
          rules: [{ record: 'sumpipeline:aggregator_replicas:desired', expr: 'vector(3)', labels: pipeline }],
        },
      ],
    },
  });
  await client.apply(`${monitoring}/servicemonitors/orders`, {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata,
    spec: { selector: { matchLabels: { app: 'orders' } }, endpoints: [{ port: 'admin' }] },
  });
  await waitFor({ what: 'the recorded series', timeoutMs: 60_000, intervalMs: 250 }, async () => {
    const value = await values.queryNumber('sumpipeline:aggregator_replicas:desired');
    return value === 3 ? true : undefined;
  });
  await client.apply('/api/v1/namespaces/default/services/orders', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, labels: { app: 'orders' } },
    spec: { clusterIP: 'None', ports: [{ name: 'admin', port: 9464 }] },
  });
  await client.apply('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/orders', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'orders' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
    ports: [{ name: 'admin', port: 9464 }],
  });
  const target = await waitFor({ what: 'the target', timeoutMs: 30_000, intervalMs: 250 }, readOnlyTarget);
  assert.equal(target.scrapeUrl, 'http://192.0.2.1:9464/metrics');
  const { instance, job, namespace, service, endpoint } = target.labels;
  assert.deepEqual(
    { instance, job, namespace, service, endpoint },
    { instance: '192.0.2.1:9464', job: 'orders', namespace: 'default', service: 'orders', endpoint: 'admin' },
  );
  assert.deepEqual(problems, []);
});

const targetsSchema = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ scrapeUrl: z.string(), labels: z.record(z.string(), z.string()) })),
  }),
});

async function readOnlyTarget() {
  const answer = await fetch(`${prometheus.url}/api/v1/targets?state=active`);
  const { activeTargets } = targetsSchema.parse(await answer.json()).data;
  return activeTargets.length === 1 ? activeTargets[0] : undefined;
}

const metricsSchema = z.object({ items: z.array(z.object({ metricName: z.string(), value: z.string() })) });

/** Sends the same request as the HPA controller, but directly to the adapter. */
function readExternalMetric(name: string): Promise<z.infer<typeof metricsSchema>> {
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/default/${name}?labelSelector=pipeline%3Dorders`;
  const { cert, key } = tls;
  return new Promise((resolve, reject) => {
    const call = request(`${adapter.url}${path}`, { ca: adapter.caPem, cert, key, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve(metricsSchema.parse(JSON.parse(text)));
        else reject(new Error(`${path} responds with ${response.statusCode}: ${text}`));
      });
    });
    call.on('error', reject);
    call.end();
  });
}

test('prometheus-adapter serves a recorded series as an external metric of its namespace', async () => {
  const { items } = await waitFor({ what: 'the external metric', timeoutMs: 60_000, intervalMs: 500 }, () =>
    readExternalMetric('sumpipeline_aggregator_replicas_desired'),
  );
  assert.deepEqual(items, [{ metricName: 'sumpipeline_aggregator_replicas_desired', value: '3' }]);
});

test('while Prometheus is down the adapter returns an error and no value; after a restart it returns the value again', async () => {
  await prometheus.kill();
  await assert.rejects(readExternalMetric('sumpipeline_aggregator_replicas_desired'));
  await prometheus.start();
  await waitFor({ what: 'the external metric', timeoutMs: 60_000, intervalMs: 500 }, async () => {
    const { items } = await readExternalMetric('sumpipeline_aggregator_replicas_desired');
    return items.length === 1 ? true : undefined;
  });
});

test('a configuration that Prometheus refuses is reported, and the old one stays in use', async () => {
  await assert.rejects(prometheus.reload({ main: 'nonsense: 1\n', rules: {} }), /refuses its configuration/);
  assert.equal((await fetch(`${prometheus.url}/-/ready`)).status, 200);
});
