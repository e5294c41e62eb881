import { aggregatorEnvironment } from '#contract/config.ts';
import { Aggregator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { aggregatorMetrics } from '#contract/metrics.ts';
import { startAdminServer } from '#platform/admin.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { createLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { Releasers } from '#platform/releasers.ts';
import { untilSignal } from '#platform/signals.ts';
import { pause } from '#platform/time.ts';
import { startTracing } from '#platform/tracing/start.ts';
import { startRpcServer } from '#services/rpc/server.ts';
import { createAggregator } from './aggregator.ts';
import { createPublisher } from './publish.ts';
import { aggregatorRoutes } from './routes.ts';

/** Maximum time to finish the reads in flight, after the server has stopped accepting new ones. */
const finishWithinMs = 5_000;

/** Runs the aggregator: counts the log into the ledger, and serves totals and proof over gRPC and HTTP. */
export async function main(): Promise<void> {
  // Install the handler first: a process with pid 1 ignores SIGTERM without a handler.
  const signalled = untilSignal();
  const config = parseEnvironment(aggregatorEnvironment, process.env);
  const logger = createLogger({
    level: config.SUMPIPELINE_LOG_LEVEL,
    fields: { pipeline: `${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`, component: 'aggregator' },
  });
  const { metrics, exposition } = createMetrics(aggregatorMetrics);
  const releasers = new Releasers(logger);
  const serviceName = `${config.SUMPIPELINE_NAME}-aggregator`;
  releasers.add('traces', await startTracing({ environment: process.env, serviceName, logger }));
  let isDraining = false;

  const publisher = createPublisher(config, logger, process.env);
  releasers.add('verdict', () => publisher.close());
  const aggregator = createAggregator({
    config,
    logger,
    metrics,
    onVerdict: (verdict) => publisher.publish(verdict),
    onReady: (isReady) => rpc.setServing(isReady && !isDraining),
  });
  const rpc = await startRpcServer({
    service: Aggregator,
    handlers: aggregator.handlers,
    routes: aggregatorRoutes,
    address: config.SUMPIPELINE_LISTEN_ADDRESS,
    httpPort: config.SUMPIPELINE_HTTP_PORT,
    grpcPort: config.SUMPIPELINE_GRPC_PORT,
    logger,
    metrics,
  });
  const admin = await startAdminServer({
    address: config.SUMPIPELINE_LISTEN_ADDRESS,
    port: config.SUMPIPELINE_ADMIN_PORT,
    liveProblem: () => undefined,
    readyProblem: () => (isDraining ? 'draining before shutdown' : aggregator.problem()),
    metrics: exposition,
  });
  releasers.add('admin server', () => admin.close());
  aggregator.start();
  releasers.add('sessions', () => aggregator.close());
  releasers.add('API', () => rpc.close(finishWithinMs));
  logger.info({ http: rpc.httpPort, grpc: rpc.grpcPort, admin: admin.port }, 'aggregator listens');

  const why = await Promise.race([signalled, aggregator.stuck]);
  if (why instanceof Error) logger.error({ error: why }, 'a partition has lag but makes no progress; exiting');
  isDraining = true;
  rpc.setServing(false);
  logger.info({ why: String(why), drainMs: config.SUMPIPELINE_DRAIN_MS }, 'draining');
  // Other aggregators get the partitions now. Serve reads until load balancers have stopped sending requests.
  aggregator.leave();
  await pause(config.SUMPIPELINE_DRAIN_MS);
  await releasers.releaseAll();
  logger.info({}, 'aggregator ended');
  if (why instanceof Error) process.exit(1);
}
