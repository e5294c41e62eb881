import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stateRoot } from '#lab/cache.ts';
import { type ApiClient, connectAdmin } from '#lab/cluster/apiClient.ts';
import { acquireHostAddress, hostAddress } from '#lab/cluster/hostNetwork.ts';
import { acquireMachine } from '#lab/cluster/machine.ts';
import type { Configuration } from '#lab/monitoring/configuration.ts';
import { startMonitoring } from '#lab/monitoring/monitoring.ts';
import type { Prometheus } from '#lab/monitoring/prometheus.ts';
import type { Progress } from '#lab/progress.ts';
import { applyObjects, installOperator, readObjects, readOperator } from '#lab/up/install.ts';
import type { Kubectl } from '#lab/up/kubectl.ts';
import { startLocal } from '#lab/up/local.ts';
import { type RunningParts, startParts } from '#lab/up/parts.ts';
import { followGenerations, type Generations } from './generations.ts';
import { installKeda } from './keda.ts';

export interface LabOptions {
  /** The repository. */
  readonly root: string;
  /** The server of the metrics for the HPA controller. */
  readonly scaler: Scaler;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The command that uses the machine, such as `npm run loop`. */
  readonly command: string;
  /** Number of Kafka nodes. Default 1. */
  readonly kafkaNodes?: 1 | 3;
  /** Changes the configuration of Prometheus. Default: no change. */
  readonly adapt?: (configuration: Configuration) => Configuration;
}

/** prometheus-adapter with mode `hpa`, or KEDA with mode `keda`. */
type Scaler = 'prometheus-adapter' | 'KEDA';

/** The server of external.metrics.k8s.io, which a scenario may kill. */
interface MetricsServer {
  readonly name: Scaler;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/**
 * The running programs that a test of autoscaling needs, without a pipeline. Disposing takes them down in reverse
 * order.
 */
export interface Lab extends AsyncDisposable {
  readonly root: string;
  readonly kubectl: Kubectl;
  /** The paths that a shell needs to use the cluster as a user would. */
  readonly access: { readonly kubectlPath: string; readonly kubeconfig: string };
  /** Client of a cluster administrator, for frequent reads: every kubectl is a process. */
  readonly client: ApiClient;
  readonly parts: RunningParts;
  readonly generations: Generations;
  readonly prometheus: Prometheus;
  readonly metricsServer: MetricsServer;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  apply(...objects: readonly object[]): Promise<void>;
}

/** Interval for monitors that have no interval of their own. The monitors of a scaling pipeline have one. */
const scrapeInterval = '5s';
const operatorTimeout = '180s';

/** Starts the system as `npm start` does, with monitoring beside it. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { root, scaler, progress, signal, command, kafkaNodes, adapt } = options;
  const dir = join(stateRoot(), 'loop');
  await using stack = new AsyncDisposableStack();
  const lock = stack.use(await acquireMachine({ what: command, progress, signal }));
  const removeData = () => rm(dir, { recursive: true, force: true });
  await removeData();
  stack.defer(removeData);
  await mkdir(dir, { recursive: true });
  stack.use(await acquireHostAddress());
  const local = stack.use(await startLocal({ root, cacheDir: dir, lock, progress, signal }));
  const { kubectl, kubectlPath, kubeconfig, image } = local;
  if (kubeconfig === undefined) throw new Error('the local cluster has no kubeconfig');
  const data = join(dir, 'data');
  const parts = stack.use(
    await startParts({
      dir: data,
      host: hostAddress,
      fresh: true,
      durable: false,
      ...(kafkaNodes === undefined ? {} : { kafkaNodes }),
      progress,
      signal,
    }),
  );
  const client = stack.use(connectAdmin(kubeconfig));
  // Start monitoring first, so that the APIs of prometheus-operator exist when the operator starts.
  const monitoring = stack.use(
    await startMonitoring({
      kubeconfigPath: kubeconfig,
      dir: join(dir, 'monitoring'),
      host: hostAddress,
      valuesPath: scaler === 'KEDA' ? undefined : join(root, 'manifests', 'prometheus-adapter', 'values.yaml'),
      interval: scrapeInterval,
      ...(adapt === undefined ? {} : { adapt }),
      progress,
    }),
  );
  const metricsServer =
    monitoring.adapter ?? (await installKeda({ target: local, dir: join(dir, 'keda'), progress, signal }));
  const operator = await readOperator({ kubectl, root, image, signal });
  await progress.step('Install the operator', async () => {
    await installOperator(kubectl, operator, signal);
    const deployment = `deployment/${operator.deployment}`;
    const status = ['rollout', 'status', deployment, `--timeout=${operatorTimeout}`];
    await kubectl.run(['-n', operator.namespace, ...status], { signal });
    const monitor = await kubectl.run(['kustomize', join(root, 'manifests', 'monitoring')], { signal });
    await applyObjects(kubectl, readObjects(monitor), signal);
  });
  const generations = stack.use(await followGenerations(parts));
  const owned = stack.move();
  return {
    root,
    kubectl,
    access: { kubectlPath, kubeconfig },
    client,
    parts,
    generations,
    prometheus: monitoring.prometheus,
    metricsServer: { name: scaler, kill: () => metricsServer.kill(), start: () => metricsServer.start() },
    progress,
    signal,
    apply: (...objects) => applyObjects(kubectl, objects, signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
