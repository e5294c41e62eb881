import {
  type Attributes,
  type Context,
  context,
  type Link,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';

/**
 * The tracer of @opentelemetry/api. Without an SDK it records nothing. start.ts loads the SDK if traces are configured.
 */
const tracer = trace.getTracer('sumpipeline');

/** Trace headers of a caller, in the format of W3C Trace Context. */
export interface TraceCarrier {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
}

export interface SpanSettings {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: readonly Link[];
  /** The parent of the span. Default: the active span. */
  readonly parent?: Context;
}

/** Runs the work in a span. If the work fails, the span fails too, and the error is thrown. */
export async function inSpan<T>(settings: SpanSettings, work: (span: Span) => Promise<T>): Promise<T> {
  const { name, kind, attributes = {}, links = [], parent = context.active() } = settings;
  const span = tracer.startSpan(name, { kind, attributes, links: [...links] }, parent);
  try {
    // A new context costs time in every request. A span that is not sampled gets a context only if the span around it
    // is sampled: otherwise spans in `work` would become children of that outer span.
    if (!span.isRecording() && !isTraced()) return await work(span);
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    failSpan(span, error instanceof Error ? error.name : 'Error');
    throw error;
  } finally {
    span.end();
  }
}

/** Returns whether the current work is traced. Work that continues after the end of its span is not traced. */
export function isTraced(): boolean {
  return trace.getActiveSpan()?.isRecording() === true;
}

/** Runs a call to another system in a span, as inSpan does. Makes no span if there is no outer span. */
export function inClientSpan<T>(name: string, attributes: Attributes, work: (span?: Span) => Promise<T>): Promise<T> {
  if (!isTraced()) return work();
  return inSpan({ name, kind: SpanKind.CLIENT, attributes }, work);
}

/** Records a span whose work is already over. `from` and `to` are in milliseconds since the Unix epoch. */
export function pastSpan(settings: SpanSettings & { readonly from: number; readonly to: number }): void {
  const { name, kind, attributes = {}, links = [], parent = ROOT_CONTEXT, from, to } = settings;
  tracer.startSpan(name, { kind, attributes, links: [...links], startTime: from }, parent).end(to);
}

/**
 * Marks a span as failed. `type` has few different values. The span gets no error message, because a message may quote
 * what a client sent. The log line with the trace id has the message.
 */
export function failSpan(span: Span, type: string): void {
  if (!span.isRecording()) return;
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** Returns the context of a caller. Returns a root context if the caller sent no valid W3C Trace Context. */
export function contextOf(carrier: TraceCarrier): Context {
  return carrier.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, carrier);
}

/** Returns the trace context of a span, for other processes. Undefined for a span that is not sampled. */
export function traceparentOf(span: Span): string | undefined {
  if (!isSampled(span.spanContext())) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(trace.setSpan(ROOT_CONTEXT, span), carrier);
  return carrier.traceparent;
}

/** Returns the trace headers for a request to a server: its spans become children. Empty without an active trace. */
export function activeCarrier(): Readonly<Record<string, string>> {
  const carrier: Record<string, string> = {};
  if (isTraced()) propagation.inject(context.active(), carrier);
  return carrier;
}

/** Returns a link for each `traceparent` of a sampled span. Ignores other values, also undefined. */
export function linksTo(traceparents: Iterable<string | undefined>): Link[] {
  const links: Link[] = [];
  for (const traceparent of traceparents) {
    const parent = sampledContextOf(traceparent);
    const target = parent && trace.getSpanContext(parent);
    if (target !== undefined) links.push({ context: target });
  }
  return links;
}

/** Returns the context that a `traceparent` describes. Undefined if it is not valid or its span is not sampled. */
export function sampledContextOf(traceparent: string | undefined): Context | undefined {
  if (traceparent === undefined) return undefined;
  const parent = contextOf({ traceparent });
  const target = trace.getSpanContext(parent);
  return target !== undefined && isSampled(target) ? parent : undefined;
}

/** Returns the ids of the active recorded span, for log lines and exemplars. Undefined without a recorded span. */
export function activeTraceIds(): { trace_id: string; span_id: string } | undefined {
  const active = isTraced() ? trace.getActiveSpan()?.spanContext() : undefined;
  return active && { trace_id: active.traceId, span_id: active.spanId };
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}
