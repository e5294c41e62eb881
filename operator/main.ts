import { randomUUID } from 'node:crypto';
import { KubeClient } from '#kube/client/client.ts';
import { inClusterCredentials, kubeconfigCredentials } from '#kube/client/credentials.ts';
import { createTransport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import { Manager } from '#kube/control/manager.ts';
import { createRecorder } from '#kube/control/recorder.ts';
import { operatorName } from '#operator/desired/childKinds.ts';
import { addPipelineControllers } from '#operator/reconcile/controller.ts';
import { startAdminServer } from '#platform/admin.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { createLogger, type Logger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { Releasers } from '#platform/releasers.ts';
import { untilSignal } from '#platform/signals.ts';
import { startTracing } from '#platform/tracing/start.ts';
import { type OperatorConfig, operatorEnvironment } from './config.ts';
import { operatorMetrics } from './metrics.ts';

/** Runs the operator until SIGTERM or SIGINT, then releases what it opened. An error sets exit code 1. */
export async function main(): Promise<void> {
  const stop = new AbortController();
  // Install the handler first: the operator is pid 1 in its container, and pid 1 ignores SIGTERM without a handler.
  void untilSignal().then(() => stop.abort());
  const config = parseEnvironment(operatorEnvironment, process.env);
  const logger = createLogger({ level: config.SUMPIPELINE_LOG_LEVEL, fields: { program: 'operator' } });
  const releasers = new Releasers(logger);
  try {
    await run(config, logger, releasers, stop.signal);
  } catch (error) {
    logger.error({ error }, 'the operator stops because of an error');
    process.exitCode = 1;
  } finally {
    await releasers.releaseAll();
  }
}

async function run(config: OperatorConfig, logger: Logger, releasers: Releasers, stop: AbortSignal): Promise<void> {
  releasers.add('traces', await startTracing({ environment: process.env, serviceName: operatorName, logger }));
  const { metrics, exposition } = createMetrics(operatorMetrics);
  const file = config.SUMPIPELINE_KUBECONFIG;
  const credentials =
    file === undefined
      ? inClusterCredentials(process.env)
      : kubeconfigCredentials({ file, env: process.env, pluginTimeoutMs: 30_000 });
  const clock = systemClock;
  const transport = createTransport({ credentials, clock, metrics, userAgent: operatorName });
  releasers.add('connections to the API server', () => transport.close());
  const client = new KubeClient(transport);

  const lease = { namespace: config.SUMPIPELINE_OPERATOR_NAMESPACE, name: operatorName };
  // A restarted container has the same pod name. The random part distinguishes it from the container before.
  const identity = `${config.SUMPIPELINE_POD_NAME}_${randomUUID()}`;
  const manager = new Manager({ client, logger, metrics, election: { lease, identity } });
  const recorder = createRecorder({
    client,
    reportingController: 'sumpipeline.dev/operator',
    reportingInstance: config.SUMPIPELINE_POD_NAME,
    clock,
    random: Math.random,
    logger,
    metrics,
  });
  releasers.add('events', () => recorder.flush());
  addPipelineControllers(manager, {
    namespaces: config.SUMPIPELINE_WATCH_NAMESPACES,
    operatorImage: config.SUMPIPELINE_OPERATOR_IMAGE,
    concurrency: config.SUMPIPELINE_CONCURRENCY,
    recorder,
    metrics,
    clock,
    logger,
  });
  const admin = await startAdminServer({
    address: config.SUMPIPELINE_LISTEN_ADDRESS,
    port: config.SUMPIPELINE_ADMIN_PORT,
    liveProblem: () => manager.liveProblem(),
    readyProblem: () => manager.readyProblem(),
    metrics: exposition,
    describe: () => manager.describe(),
  });
  releasers.add('admin server', () => admin.close());
  logger.info({ port: admin.port, image: config.SUMPIPELINE_OPERATOR_IMAGE }, 'operator started');
  await manager.run(stop);
  logger.info({}, 'operator stopped');
}
