import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { createCa } from '#lab/certificates/pki.ts';
import type { ApiClient } from '#lab/cluster/apiClient.ts';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper } from '#lab/process/keeper.ts';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';

export interface AdapterOptions {
  readonly kubeconfigPath: string;
  /** API client of an administrator of the cluster. */
  readonly client: ApiClient;
  readonly dir: string;
  /** The address at which the API server reaches the adapter. Default 127.0.0.1. */
  readonly host?: string;
  readonly prometheusUrl: string;
  /** Values of the prometheus-adapter chart, as a user installs it. */
  readonly valuesPath: string;
  /** If false, the adapter is not registered at the API server, and callers must use `url`. Default true. */
  readonly isRegistered?: boolean;
  readonly progress?: Progress;
}

/** prometheus-adapter beside the cluster, registered as external.metrics.k8s.io. */
export interface Adapter extends AsyncDisposable {
  /** The URL for direct calls, over TLS. */
  readonly url: string;
  readonly caPem: string;
  readonly logFile: string;
  /** Ends the process with kill -9, as a fault would. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

const namespace = 'monitoring';
const serviceName = 'prometheus-adapter';
const group = 'external.metrics.k8s.io';
const readyTimeoutMs = 60_000;

export async function startAdapter(options: AdapterOptions): Promise<Adapter> {
  const { dir, host = '127.0.0.1', client, isRegistered = true, progress = silentProgress } = options;
  const program = join(await buildGoModule('prometheusadapter', { progress }), 'adapter');
  await mkdir(dir, { recursive: true });
  const ca = await createCa('prometheus-adapter');
  const certificate = await ca.issue({
    commonName: serviceName,
    altNames: [`${serviceName}.${namespace}.svc`, host],
    usages: ['server'],
  });
  const values = await readValues(options.valuesPath);
  await writeFile(join(dir, 'tls.crt'), certificate.certPem);
  await writeFile(join(dir, 'tls.key'), certificate.keyPem, { mode: 0o600 });
  await writeFile(join(dir, 'config.yaml'), stringify({ externalRules: values.rules.external }, { lineWidth: 0 }));

  const port = await findFreePort(host);
  const url = `https://${host}:${port}`;
  const logFile = join(dir, 'prometheus-adapter.log');
  const keeper = new Keeper({
    name: 'prometheus-adapter',
    launch: () => spawnChild({ command: program, args: buildFlags({ ...options, host, port, values }), logFile }),
    ready: (signal) =>
      waitFor({ what: 'prometheus-adapter to be ready', timeoutMs: readyTimeoutMs, intervalMs: 100, signal }, () =>
        isLive(url, ca.certPem),
      ),
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5_000,
  });
  await keeper.start();
  try {
    if (isRegistered) await register({ client, host, port, caPem: ca.certPem });
  } catch (error) {
    await keeper.stop();
    throw error;
  }
  return {
    url,
    caPem: ca.certPem,
    logFile,
    kill: () => keeper.kill(),
    start: () => keeper.start(),
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
}

/** The values of the chart that configure the program. All other values configure its pods. */
const valuesSchema = z.object({
  metricsRelistInterval: z.string(),
  extraArguments: z.array(z.string()).default([]),
  rules: z.object({ external: z.array(z.looseObject({})).min(1) }),
});
type Values = z.infer<typeof valuesSchema>;

async function readValues(path: string): Promise<Values> {
  return valuesSchema.parse(parse(await readFile(path, 'utf8')));
}

/** Builds the flags that the chart sets, with a kubeconfig instead of the pod's ServiceAccount. */
function buildFlags(options: AdapterOptions & { host: string; port: number; values: Values }): string[] {
  const { dir, host, port, kubeconfigPath, prometheusUrl, values } = options;
  return [
    `--bind-address=${host}`,
    `--secure-port=${port}`,
    `--tls-cert-file=${join(dir, 'tls.crt')}`,
    `--tls-private-key-file=${join(dir, 'tls.key')}`,
    `--authentication-kubeconfig=${kubeconfigPath}`,
    `--authorization-kubeconfig=${kubeconfigPath}`,
    `--lister-kubeconfig=${kubeconfigPath}`,
    `--prometheus-url=${prometheusUrl}`,
    `--config=${join(dir, 'config.yaml')}`,
    `--metrics-relist-interval=${values.metricsRelistInterval}`,
    ...values.extraArguments,
  ];
}

function isLive(url: string, caPem: string): Promise<true> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}/livez`, { ca: caPem, agent: false, timeout: 5_000 }, (response) => {
      response.resume();
      // Every response below 500 shows that the adapter runs. Without credentials it may refuse to report its health.
      if (response.statusCode !== undefined && response.statusCode < 500) resolve(true);
      else reject(new Error(`/livez responds with ${response.statusCode}`));
    });
    call.on('timeout', () => call.destroy(new Error('/livez does not respond within 5 s')));
    call.on('error', reject);
    call.end();
  });
}

interface Registration {
  readonly client: ApiClient;
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
}

/**
 * Registers the API with a Service that has no selector. The EndpointSlice of this Service leads to our process outside
 * the cluster.
 */
async function register({ client, host, port, caPem }: Registration): Promise<void> {
  const metadata = { name: serviceName, namespace };
  await client.apply(`/api/v1/namespaces/${namespace}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  await client.apply(`/api/v1/namespaces/${namespace}/services/${serviceName}`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { ports: [{ name: 'https', port: 443, targetPort: port }] },
  });
  await client.apply(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${serviceName}`, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [host], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await client.apply(`${rbac}/clusterroles/external-metrics-reader`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'external-metrics-reader' },
    rules: [{ apiGroups: [group], resources: ['*'], verbs: ['get', 'list', 'watch'] }],
  });
  await client.apply(`${rbac}/clusterrolebindings/external-metrics-reader`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'external-metrics-reader' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'external-metrics-reader' },
    subjects: [{ kind: 'ServiceAccount', name: 'horizontal-pod-autoscaler', namespace: 'kube-system' }],
  });
  await client.apply(`/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.${group}`, {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1beta1.${group}` },
    spec: {
      group,
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      caBundle: Buffer.from(caPem).toString('base64'),
      service: { name: serviceName, namespace },
    },
  });
}
