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
 * Traces through @opentelemetry/api: without an SDK all of this does nothing. start.ts loads one when traces are
 * configured.
 */
const tracer = trace.getTracer('sumpipeline');

/** The position of a caller in its trace, as W3C Trace Context writes it. */
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

/** Does the work inside a span. An error of the work is the span's error too. */
export async function inSpan<T>(settings: SpanSettings, work: (span: Span) => Promise<T>): Promise<T> {
  const { name, kind, attributes = {}, links = [], parent = context.active() } = settings;
  const span = tracer.startSpan(name, { kind, attributes, links: [...links] }, parent);
  try {
    // A span that is not sampled needs no context, except to hide a sampled one around it. A context costs every request.
    if (!span.isRecording() && !isTraced()) return await work(span);
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    failSpan(span, error instanceof Error ? error.name : 'Error');
    throw error;
  } finally {
    span.end();
  }
}

/**
 * Whether the present work is traced. Work that continues after the end of its span, such as a watch, is not traced.
 */
export function isTraced(): boolean {
  return trace.getActiveSpan()?.isRecording() === true;
}

/** As inSpan, for a call to another system; without an outer span no inner span is made. */
export function inClientSpan<T>(name: string, attributes: Attributes, work: (span?: Span) => Promise<T>): Promise<T> {
  if (!isTraced()) return work();
  return inSpan({ name, kind: SpanKind.CLIENT, attributes }, work);
}

/** A span whose work is over already. Times in milliseconds since the Unix epoch. */
export function pastSpan(settings: SpanSettings & { readonly from: number; readonly to: number }): void {
  const { name, kind, attributes = {}, links = [], parent = ROOT_CONTEXT, from, to } = settings;
  tracer.startSpan(name, { kind, attributes, links: [...links], startTime: from }, parent).end(to);
}

/**
 * `type` is one of a small set. No message: it may quote what a client sent, and the log has it beside the trace id.
 */
export function failSpan(span: Span, type: string): void {
  if (!span.isRecording()) return;
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The context of a caller; a root if the caller sent no valid W3C Trace Context. */
export function contextOf(carrier: TraceCarrier): Context {
  return carrier.traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, carrier);
}

/** The trace context of a span for other processes. Only of a sampled span, so that other requests carry nothing. */
export function traceparentOf(span: Span): string | undefined {
  if (!isSampled(span.spanContext())) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(trace.setSpan(ROOT_CONTEXT, span), carrier);
  return carrier.traceparent;
}

/** Headers that give a server the parent of its spans; empty when nothing is traced. */
export function activeCarrier(): Readonly<Record<string, string>> {
  const carrier: Record<string, string> = {};
  if (isTraced()) propagation.inject(context.active(), carrier);
  return carrier;
}

/** Links to the sampled spans among these; anything else is left out. */
export function linksTo(traceparents: Iterable<string | undefined>): Link[] {
  const links: Link[] = [];
  for (const traceparent of traceparents) {
    const parent = sampledContextOf(traceparent);
    const target = parent && trace.getSpanContext(parent);
    if (target !== undefined) links.push({ context: target });
  }
  return links;
}

/** The context of a sampled span; undefined for anything else. */
export function sampledContextOf(traceparent: string | undefined): Context | undefined {
  if (traceparent === undefined) return undefined;
  const parent = contextOf({ traceparent });
  const target = trace.getSpanContext(parent);
  return target !== undefined && isSampled(target) ? parent : undefined;
}

/** The ids of the recorded span that is being worked in: fields of a log line, labels of an exemplar. */
export function activeTraceIds(): { trace_id: string; span_id: string } | undefined {
  const active = isTraced() ? trace.getActiveSpan()?.spanContext() : undefined;
  return active && { trace_id: active.traceId, span_id: active.spanId };
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}
