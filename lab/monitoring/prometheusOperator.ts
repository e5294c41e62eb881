import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { z } from 'zod';
import type { ApiClient } from '#lab/cluster/apiClient.ts';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { prometheusOperatorCrds } from '#lab/crds/prometheusOperator.ts';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper } from '#lab/process/keeper.ts';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { pause } from '#platform/time.ts';
import { adaptConfiguration } from './configuration.ts';
import { buildTargets, podsSchema, servicesSchema, slicesSchema } from './discovery.ts';
import type { Prometheus } from './prometheus.ts';

export interface PrometheusOperatorOptions {
  readonly kubeconfigPath: string;
  /** API client of an administrator of the cluster. */
  readonly client: ApiClient;
  /** Folder for the log file of prometheus-operator. */
  readonly dir: string;
  /** Interval of scrapes and rules alike, such as `5s`. */
  readonly interval: string;
  readonly progress?: Progress;
  /** Gets each new configuration and the current targets. */
  readonly prometheus: Pick<Prometheus, 'reload' | 'discover'>;
  /** Called with a sentence if Prometheus did not get a configuration (it is sent again), or if a program died. */
  readonly complain: (problem: string) => void;
}

/** prometheus-operator beside the cluster: it turns ServiceMonitors and PrometheusRules into configuration. */
export interface PrometheusOperator extends AsyncDisposable {
  readonly logFile: string;
}

const namespace = 'monitoring';
const name = 'lab';
const pollMs = 1_000;
const readyTimeoutMs = 90_000;
/**
 * File names of the CRDs that the controller of prometheus-operator watches. If one is missing, the controller waits
 * without a limit.
 */
const kinds = /_(prometheuses|servicemonitors|podmonitors|probes|prometheusrules)\.yaml$/;
/** Version of Prometheus in the package of Debian. The generated configuration must fit this version. */
const prometheusVersion = 'v2.42.0';

/**
 * Starts prometheus-operator with its CRDs, and gives each configuration that it generates to a Prometheus process.
 */
export async function startPrometheusOperator(options: PrometheusOperatorOptions): Promise<PrometheusOperator> {
  const { client, dir, kubeconfigPath, interval, progress = silentProgress } = options;
  const program = join(await buildGoModule('prometheusoperator', { progress }), 'operator');
  await mkdir(dir, { recursive: true });
  await installCrds(client, progress);
  await client.apply(`/api/v1/namespaces/${namespace}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  await client.apply(
    `/apis/monitoring.coreos.com/v1/namespaces/${namespace}/prometheuses/${name}`,
    buildPrometheusObject(interval),
  );

  const logFile = join(dir, 'prometheus-operator.log');
  const port = await findFreePort('127.0.0.1');
  await using stack = new AsyncDisposableStack();
  const keeper = new Keeper({
    name: 'prometheus-operator',
    launch: () =>
      spawnChild({
        command: program,
        args: [`--web.listen-address=127.0.0.1:${port}`, '--kubelet-endpoints=false', '--log-level=warn'],
        env: { ...process.env, KUBECONFIG: kubeconfigPath },
        logFile,
      }),
    ready: (signal) =>
      waitFor({ what: 'the generated configuration', timeoutMs: readyTimeoutMs, intervalMs: 250, signal }, () =>
        readGenerated(client),
      ),
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 5_000,
    restart: { restartOnDeath: true, onDeath: options.complain },
  });
  stack.defer(() => keeper.stop());
  await keeper.start();

  const end = new AbortController();
  const following = follow(options, end.signal);
  stack.defer(async () => {
    end.abort();
    await following;
  });
  const owned = stack.move();
  return { logFile, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function follow({ client, prometheus, complain }: PrometheusOperatorOptions, signal: AbortSignal): Promise<void> {
  const known = { configuration: '', targets: '' };
  while (!signal.aborted) {
    try {
      const targets = buildTargets(await readObjects(client));
      if (JSON.stringify(targets) !== known.targets) {
        await prometheus.discover(targets);
        known.targets = JSON.stringify(targets);
      }
      const generated = await readGenerated(client);
      if (generated !== undefined && JSON.stringify(generated) !== known.configuration) {
        await prometheus.reload(adaptConfiguration(generated));
        known.configuration = JSON.stringify(generated);
      }
    } catch (error) {
      if (!signal.aborted) complain(`Prometheus did not get its new configuration: ${String(error)}`);
    }
    await pause(pollMs, signal);
  }
}

async function readObjects(client: ApiClient) {
  return {
    services: servicesSchema.parse(await client.get('/api/v1/services')),
    pods: podsSchema.parse(await client.get('/api/v1/pods')),
    slices: slicesSchema.parse(await client.get('/apis/discovery.k8s.io/v1/endpointslices')),
  };
}

const secretsSchema = z.object({
  items: z.array(
    z.object({ metadata: z.object({ name: z.string() }), data: z.record(z.string(), z.base64()).optional() }),
  ),
});
const configMapsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      data: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** Reads the configuration that prometheus-operator wrote for our Prometheus. Undefined until it exists. */
async function readGenerated(client: ApiClient) {
  const core = `/api/v1/namespaces/${namespace}`;
  const secrets = secretsSchema.parse(await client.get(`${core}/secrets`));
  const packed = secrets.items.find((one) => one.metadata.name === `prometheus-${name}`)?.data?.['prometheus.yaml.gz'];
  if (packed === undefined) return undefined;
  const maps = configMapsSchema.parse(await client.get(`${core}/configmaps`));
  const ruleMaps = maps.items.filter((one) => one.metadata.name.startsWith(`prometheus-${name}-rulefiles-`));
  return {
    main: gunzipSync(Buffer.from(packed, 'base64')).toString('utf8'),
    rules: Object.fromEntries(ruleMaps.flatMap(({ data = {} }) => Object.entries(data))),
  };
}

/** Builds the Prometheus object. It has no replica, because the configuration is for our own process. */
function buildPrometheusObject(interval: string): object {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Prometheus',
    metadata: { name, namespace },
    spec: {
      version: prometheusVersion,
      replicas: 0,
      scrapeInterval: interval,
      evaluationInterval: interval,
      serviceDiscoveryRole: 'EndpointSlice',
      serviceMonitorSelector: {},
      serviceMonitorNamespaceSelector: {},
      ruleSelector: {},
      ruleNamespaceSelector: {},
    },
  };
}

const crdSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });
const conditionsSchema = z.object({
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }),
});

async function installCrds(client: ApiClient, progress: Progress): Promise<void> {
  const { files } = await prometheusOperatorCrds({ progress });
  const crds = await Promise.all(
    files.filter((file) => kinds.test(file)).map(async (file) => crdSchema.parse(parse(await readFile(file, 'utf8')))),
  );
  const pathOf = (crd: string) => `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd}`;
  for (const crd of crds) await client.apply(pathOf(crd.metadata.name), crd);
  for (const { metadata } of crds) {
    await waitFor({ what: `${metadata.name} to be served`, timeoutMs: readyTimeoutMs, intervalMs: 200 }, async () => {
      const { status } = conditionsSchema.parse(await client.get(pathOf(metadata.name)));
      return status.conditions.some(({ type, status }) => type === 'Established' && status === 'True') || undefined;
    });
  }
}
