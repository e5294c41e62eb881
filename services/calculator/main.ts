import { calculatorEnvironment } from '#contract/config.ts';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { calculatorMetrics } from '#contract/metrics.ts';
import { startAdminServer } from '#platform/admin.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { createLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { Releasers } from '#platform/releasers.ts';
import { untilSignal } from '#platform/signals.ts';
import { pause } from '#platform/time.ts';
import { startTracing } from '#platform/tracing/start.ts';
import { startRpcServer } from '#services/rpc/server.ts';
import { calculatorRoutes } from './api.ts';
import { createCalculator } from './calculator.ts';

/** Maximum time to finish requests after the server stopped accepting new ones: the default deadline of a call. */
const finishWithinMs = 10_000;

/** Runs the calculator: accepts additions over gRPC and HTTP, and responds when they are in the log. */
export async function main(): Promise<void> {
  // Install the handler first: a process with pid 1 ignores SIGTERM without a handler.
  const signalled = untilSignal();
  const config = parseEnvironment(calculatorEnvironment, process.env);
  const logger = createLogger({
    level: config.SUMPIPELINE_LOG_LEVEL,
    fields: { pipeline: `${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`, component: 'calculator' },
  });
  const { metrics, exposition } = createMetrics(calculatorMetrics);
  const releasers = new Releasers(logger);
  const serviceName = `${config.SUMPIPELINE_NAME}-calculator`;
  releasers.add('traces', await startTracing({ environment: process.env, serviceName, logger }));
  let isDraining = false;

  const calculator = createCalculator({ config, logger, metrics, onReady: () => rpc.setServing(!isDraining) });
  const rpc = await startRpcServer({
    service: Calculator,
    handlers: calculator.handlers,
    routes: calculatorRoutes,
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
    readyProblem: () => (isDraining ? 'draining before shutdown' : calculator.problem()),
    metrics: exposition,
  });
  releasers.add('admin server', () => admin.close());
  calculator.start();
  releasers.add('connection to Kafka', () => calculator.close());
  releasers.add('API', () => rpc.close(finishWithinMs));
  logger.info({ http: rpc.httpPort, grpc: rpc.grpcPort, admin: admin.port }, 'calculator listens');

  const signal = await signalled;
  isDraining = true;
  rpc.setServing(false);
  logger.info({ signal, drainMs: config.SUMPIPELINE_DRAIN_MS }, 'draining');
  // Keep serving while not ready: load balancers need a moment to stop sending.
  await pause(config.SUMPIPELINE_DRAIN_MS);
  await releasers.releaseAll();
  logger.info({}, 'calculator ended');
  // Exit now: timers of aborted requests would keep the process running until their deadlines.
  process.exit(0);
}
