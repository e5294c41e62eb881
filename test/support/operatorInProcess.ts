import { operatorMetrics } from '#operator/metrics.ts';
import { addPipelineController } from '#operator/reconcile/controller.ts';
import { KubeClient } from '#operator/runtime/client.ts';
import { systemClock } from '#operator/runtime/clock.ts';
import { kubeconfigCredentials } from '#operator/runtime/credentials.ts';
import { Manager } from '#operator/runtime/manager.ts';
import { noMetrics } from '#operator/runtime/metrics.ts';
import { createRecorder, type EventRecord } from '#operator/runtime/recorder.ts';
import { eventually } from '#operator/runtime/testing/connect.ts';
import { createTransport, type HttpRequest, type Transport } from '#operator/runtime/transport.ts';
import { type Logger, silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';

/** The operator in this process, with an eye on everything that it sends and says. */
export interface TestOperator extends AsyncDisposable {
  /** `apply Deployment shop/orders-calculator`, one for each write that was sent, status writes included. */
  readonly writes: string[];
  readonly events: EventRecord[];
  readonly metrics: () => Promise<string>;
  /** Runs before each request is sent. */
  beforeRequest: (request: HttpRequest) => Promise<void>;
  /** Resolves when no pass is under way, none waits, and all own writes were seen again. */
  whenIdle(): Promise<void>;
}

export interface TestOperatorOptions {
  readonly kubeconfigPath: string;
  readonly image?: string;
  readonly namespace?: string;
  /** Wall clock, ms. Default: the system's. */
  readonly wallMs?: () => number;
  readonly logger?: Logger;
}

export async function startOperator(options: TestOperatorOptions): Promise<TestOperator> {
  const { kubeconfigPath, image = 'sumpipeline:test', logger = silentLogger } = options;
  const clock = { ...systemClock, ...(options.wallMs === undefined ? {} : { wallMs: options.wallMs }) };
  const credentials = kubeconfigCredentials({ file: kubeconfigPath });
  const real = createTransport({ credentials, clock, metrics: noMetrics, userAgent: 'operator-test' });
  const operator = { writes: [] as string[], events: [] as EventRecord[], beforeRequest: async (_: HttpRequest) => {} };
  const transport: Transport = {
    ...real,
    async request(request) {
      const { verb, kind, namespace, name } = request.context;
      const isEvent = kind === 'Event';
      if (request.method !== 'GET' && !isEvent) {
        const subresource = /\/(status|scale)$/.exec(request.path)?.[0] ?? '';
        operator.writes.push(`${verb} ${kind}${subresource} ${namespace}/${name}`);
      }
      if (!isEvent) await operator.beforeRequest(request);
      return real.request(request);
    },
  };
  const client = new KubeClient(transport);
  const metrics = createMetrics(operatorMetrics, { processMetrics: false });
  const manager = new Manager({ client, logger, metrics, clock });
  const sent = createRecorder({
    client,
    reportingController: 'sumpipeline.dev/operator',
    reportingInstance: 'operator-test',
    clock,
    random: Math.random,
    logger,
    metrics,
  });
  const recorder = {
    ...sent,
    record(event: EventRecord) {
      operator.events.push(event);
      sent.record(event);
    },
  };
  const { namespace } = options;
  const controller = addPipelineController(manager, {
    namespace,
    operatorImage: image,
    concurrency: 4,
    recorder,
    metrics,
    clock,
  });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await eventually('the operator to be ready', () => manager.readyProblem() ?? true);
  return Object.assign(operator, {
    metrics: () => metrics.render(),
    async whenIdle() {
      // Own writes come back as events that begin a pass: idle means idle for a moment.
      let calmSinceMs = performance.now();
      await eventually('the operator to be idle', () => {
        const { ready, active, unseenWrites } = controller.snapshot();
        if (ready + active + unseenWrites > 0) calmSinceMs = performance.now();
        return performance.now() - calmSinceMs > 150 || controller.snapshot();
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await recorder.flush();
      await real.close();
    },
  });
}
