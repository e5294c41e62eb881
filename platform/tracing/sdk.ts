import { hostname } from 'node:os';
import { type Context, context, type DiagLogger, DiagLogLevel, diag, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { detectResources, envDetector, resourceFromAttributes, serviceNameEnvDetector } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Logger } from '#platform/log.ts';
import { withDeadline } from '#platform/time.ts';
import type { TracingSettings } from './settings.ts';

export interface SdkOptions {
  readonly settings: TracingSettings;
  readonly serviceName: string;
  readonly logger: Logger;
}

/**
 * Maximum number of spans that wait for the collector. Each takes about 1 KB, so they take at most 8 MB. Further spans
 * are dropped, and a log line says so.
 */
const queueMax = 8192;
/** Maximum number of links of a span: a batch of the aggregator has up to 1,000 records, and each may be sampled. */
const linksMax = 1_000;
/** Maximum time to send the waiting spans at shutdown. Spans that are not sent in this time are lost. */
const flushWithinMs = 2_000;

/**
 * Registers the SDK with the API, and returns the function that ends it. Only `startTracing` loads this module, so that
 * a process without traces does not load the SDK.
 */
export function startSdk({ settings, serviceName, logger }: SdkOptions): () => Promise<void> {
  diag.setLogger(sparing(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const fromEnvironment = detectResources({ detectors: [envDetector, serviceNameEnvDetector] });
  // In a pod, the host name is the name of the pod.
  const ours = resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': hostname() });
  const provider = new TracerProvider({
    resource: ours.merge(fromEnvironment),
    sampler: withLinks(settings),
    spanLimits: { linkCountLimit: linksMax },
    spanProcessors: [
      new BatchSpanProcessor({
        // Reads the OTEL_EXPORTER_OTLP_* variables of the process.
        exporter: new OTLPTraceExporter(),
        maxQueueSize: queueMax,
        scheduledDelayMillis: settings.OTEL_BSP_SCHEDULE_DELAY,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return () => withDeadline('the export of the last spans', flushWithinMs, provider.shutdown());
}

/**
 * Returns the sampler. With `always_off` it ignores links: a record of a foreign producer must not cause a span.
 */
function withLinks(settings: TracingSettings): Sampler {
  const sampler = samplerOf(settings);
  return settings.OTEL_TRACES_SAMPLER === 'always_off' ? sampler : new LinkedSampler(sampler);
}

function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: TracingSettings): Sampler {
  const root = name.endsWith('always_on')
    ? new AlwaysOnSampler()
    : name.endsWith('always_off')
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/**
 * Samples a batch if one of its additions is sampled. A batch belongs to many traces, so it has no parent. With a
 * random decision it would be missing from most of these traces.
 */
class LinkedSampler implements Sampler {
  readonly #other: Sampler;

  constructor(other: Sampler) {
    this.#other = other;
  }

  shouldSample(parent: Context, ...rest: Rest): ReturnType<Sampler['shouldSample']> {
    const [, , , , links] = rest;
    // Do not check whether the links are sampled: linksTo makes links only to sampled spans.
    if (trace.getSpanContext(parent) === undefined && links.length > 0) {
      return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    }
    return this.#other.shouldSample(parent, ...rest);
  }

  toString(): string {
    return `Linked{${this.#other}}`;
  }
}

type Rest = Parameters<Sampler['shouldSample']> extends [Context, ...infer Others] ? Others : never;

/** Minimum time between two log lines about problems of the SDK, in milliseconds. */
const repeatAfterMs = 60_000;

/** Logs problems of the SDK, at most once a minute: a collector that is down would cause a line every few seconds. */
function sparing(logger: Logger): DiagLogger {
  let quietUntil = 0;
  const warn = (problem: string) => {
    if (Date.now() < quietUntil) return;
    quietUntil = Date.now() + repeatAfterMs;
    logger.warn(
      { problem, againInMs: repeatAfterMs },
      'traces are incomplete: the collector does not accept all of them',
    );
  };
  const ignore = () => {};
  return { error: warn, warn, info: ignore, debug: ignore, verbose: ignore };
}
