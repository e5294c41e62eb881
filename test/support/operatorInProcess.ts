import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '#kube/client/client.ts';
import { kubeconfigCredentials } from '#kube/client/credentials.ts';
import { createTransport, type HttpRequest, type Transport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import { Manager } from '#kube/control/manager.ts';
import { createRecorder, type EventRecord } from '#kube/control/recorder.ts';
import { createRecordingMetrics } from '#kube/testing/recordingMetrics.ts';
import { operatorMetrics } from '#operator/metrics.ts';
import { createCaches } from '#operator/reconcile/caches.ts';
import { addPipelineControllers } from '#operator/reconcile/controller.ts';
import { type Logger, silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { eventually } from './condition.ts';

/** The operator in this process. A test can read everything that it sends and prints. */
export interface TestOperator extends AsyncDisposable {
  /** One text for each write that was sent, status writes included: `apply Deployment shop/orders-calculator`. */
  readonly writes: string[];
  readonly events: EventRecord[];
  readonly metrics: () => Promise<string>;
  /** Called before each request is sent. */
  beforeRequest: (request: HttpRequest) => Promise<void>;
  /** Resolves when the operator has processed every earlier change, and has seen its own writes. */
  whenIdle(): Promise<void>;
}

export interface TestOperatorOptions {
  /** Text of a kubeconfig. */
  readonly kubeconfig: string;
  readonly image?: string;
  /** The only namespace whose pipelines the operator reconciles. Default: all. */
  readonly watches?: string;
  /** Wall clock in milliseconds. Default: the clock of the system. */
  readonly wallMs?: () => number;
  readonly logger?: Logger;
}

export async function startOperator(options: TestOperatorOptions): Promise<TestOperator> {
  const { kubeconfig, image = 'sumpipeline:test', logger = silentLogger } = options;
  const clock = { ...systemClock, ...(options.wallMs === undefined ? {} : { wallMs: options.wallMs }) };
  const folder = await mkdtemp(join(tmpdir(), 'operator-'));
  const file = join(folder, 'kubeconfig');
  await writeFile(file, kubeconfig, { mode: 0o600 });
  const credentials = kubeconfigCredentials({ file, env: {} });
  await rm(folder, { recursive: true });
  const real = createTransport({ credentials, clock, metrics: createRecordingMetrics(), userAgent: 'operator-test' });
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
  const { metrics, exposition } = createMetrics(operatorMetrics, { processMetrics: false });
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
  const namespace = options.watches;
  const controllers = addPipelineControllers(manager, {
    namespaces: namespace === undefined ? undefined : [namespace],
    operatorImage: image,
    concurrency: 4,
    recorder,
    metrics,
    clock,
    logger,
  });
  const stop = new AbortController();
  const running = manager.run(stop.signal);
  await eventually('the operator to be at work', () => manager.isLeading || manager.readyProblem());
  const started: TestOperator = Object.assign(operator, {
    metrics: () => exposition.render(),
    async whenIdle() {
      // Wait twice, because the writes of a pass may cause more work.
      for (const _ of [1, 2]) {
        const { pipelines, pods, children } = createCaches(manager, { namespace });
        const patience = AbortSignal.timeout(30_000);
        await Promise.all([pipelines, pods, ...children].map((reflector) => reflector.refresh(patience)));
        await eventually('the operator to be idle', () => {
          const busy = controllers.map((controller) => controller.snapshot());
          return busy.every(({ ready, active, unseenWrites }) => ready + active + unseenWrites === 0) || busy;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      if (!operators.delete(started)) return;
      stop.abort();
      await running;
      await recorder.flush();
      await real.close();
    },
  });
  operators.add(started);
  return started;
}

const operators = new Set<TestOperator>();

/** Stops all operators. Call it after each test: an operator that a failed test left would keep the process alive. */
export async function stopOperators(): Promise<void> {
  for (const operator of [...operators]) await operator[Symbol.asyncDispose]();
}
