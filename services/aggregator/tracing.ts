import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { inSpan, linksTo, pastSpan, sampledContextOf } from '#platform/tracing/spans.ts';
import type { BatchResult, LogBatch } from '#services/eventlog/port.ts';
import { logAttributes } from '#services/eventlog/spans.ts';

/**
 * Traces one batch. The batch has a span of its own, with links to its sampled additions. After the commit, each of
 * these additions gets a span in its own trace, with a link to the batch.
 */
export function traceBatch(topic: string, batch: LogBatch, apply: () => Promise<BatchResult>): Promise<BatchResult> {
  const { partition, firstOffset, records } = batch;
  const name = `process ${topic}`;
  const from = Date.now();
  const place = { partition, offset: firstOffset, records: records.length };
  return inSpan(
    {
      name: `${name} batch`,
      kind: SpanKind.CONSUMER,
      parent: ROOT_CONTEXT,
      links: linksTo(records.map(({ traceparent }) => traceparent)),
      attributes: logAttributes(topic, 'process', place),
    },
    async (span) => {
      const result = await apply();
      span.setAttribute('sumpipeline.result', result.kind);
      if (result.kind !== 'confirmed') return result;
      const to = Date.now();
      for (const { offset, traceparent } of records) {
        const parent = offset < result.nextOffset ? sampledContextOf(traceparent) : undefined;
        if (parent === undefined) continue;
        pastSpan({
          name,
          kind: SpanKind.CONSUMER,
          parent,
          links: [{ context: span.spanContext() }],
          attributes: logAttributes(topic, 'process', { partition, offset }),
          from,
          to,
        });
      }
      return result;
    },
  );
}
