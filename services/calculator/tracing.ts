import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { traceHeader } from '#contract/record.ts';
import { inSpan, isTraced, linksTo, traceparentOf } from '#platform/tracing/spans.ts';
import type { AppendedBatch, LogRecordInput } from '#services/eventlog/port.ts';
import { logAttributes } from '#services/eventlog/spans.ts';
import type { Place } from './batcher.ts';

/** Traces the write of one addition. The record of a sampled addition carries the trace context to the aggregator. */
export function traceSend(
  topic: string,
  record: LogRecordInput,
  send: (record: LogRecordInput) => Promise<Place>,
): Promise<Place> {
  // This runs for every addition, so it creates nothing if the addition is not traced.
  if (!isTraced()) return send(record);
  const attributes = logAttributes(topic, 'send');
  return inSpan({ name: `send ${topic}`, kind: SpanKind.PRODUCER, attributes }, async (span) => {
    const traceparent = traceparentOf(span);
    if (traceparent === undefined) return send(record);
    const place = await send({ ...record, headers: { ...record.headers, [traceHeader]: traceparent } });
    span.setAttributes(logAttributes(topic, 'send', place));
    return place;
  });
}

/** Traces one produce request, with links to the additions in it. */
export function traceAppend(
  batch: { readonly topic: string; readonly partition: number; readonly records: readonly LogRecordInput[] },
  append: () => Promise<AppendedBatch>,
): Promise<AppendedBatch> {
  const { topic, partition, records } = batch;
  return inSpan(
    {
      name: `append ${topic}`,
      kind: SpanKind.CLIENT,
      // Make a root span. A batch has many additions, so it must not be the child of the addition that began it.
      parent: ROOT_CONTEXT,
      links: linksTo(records.map(({ headers }) => headers[traceHeader])),
      attributes: logAttributes(topic, 'send', { partition, records: records.length }),
    },
    append,
  );
}
