import { join } from 'node:path';
import { connectAdmin } from '#lab/cluster/apiClient.ts';
import type { Progress } from '#lab/progress.ts';
import { type Adapter, startAdapter } from './adapter.ts';
import type { Configuration } from './configuration.ts';
import { type Prometheus, startPrometheus } from './prometheus.ts';
import { startPrometheusOperator } from './prometheusOperator.ts';

export interface MonitoringOptions {
  readonly kubeconfigPath: string;
  /** Folder for the data and log files of the three programs. */
  readonly dir: string;
  /** The address at which the API server and pods reach processes of the host. */
  readonly host: string;
  /**
   * Values of the prometheus-adapter chart. Undefined: no prometheus-adapter, for example if KEDA serves the metrics.
   */
  readonly valuesPath: string | undefined;
  /** Interval of scrapes and rules, such as `5s`. */
  readonly interval: string;
  /** Changes the configuration of Prometheus. Default: no change. */
  readonly adapt?: (configuration: Configuration) => Configuration;
  readonly progress: Progress;
}

export interface Monitoring extends AsyncDisposable {
  readonly prometheus: Prometheus;
  readonly adapter: Adapter | undefined;
}

/**
 * Starts the programs that bring the metrics of pods to the HPA controller: prometheus-operator, Prometheus and
 * prometheus-adapter.
 */
export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { kubeconfigPath, dir, host, valuesPath, interval, adapt = (same) => same, progress } = options;
  await using stack = new AsyncDisposableStack();
  const client = stack.use(connectAdmin(kubeconfigPath));
  const shared = { kubeconfigPath, client, progress };
  const prometheus = stack.use(await startPrometheus({ dir: join(dir, 'prometheus'), host }));
  stack.use(
    await startPrometheusOperator({
      ...shared,
      dir: join(dir, 'prometheus-operator'),
      interval,
      prometheus: { ...prometheus, reload: (configuration) => prometheus.reload(adapt(configuration)) },
      complain: progress.note,
    }),
  );
  const adapter =
    valuesPath === undefined
      ? undefined
      : stack.use(
          await startAdapter({
            ...shared,
            dir: join(dir, 'prometheus-adapter'),
            host,
            prometheusUrl: prometheus.url,
            valuesPath,
          }),
        );
  const owned = stack.move();
  return { prometheus, adapter, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
