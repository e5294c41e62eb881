import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type DataPlane, startDataPlane } from '#cli/testing/dataPlane.ts';
import { until } from '#test/support/condition.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '#test/support/otlpReceiver.ts';

/** The trace context of the client, as a browser or another service would send it. */
const clientTrace = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let receiver: OtlpReceiver;
let plane: DataPlane;

before(async () => {
  receiver = await startOtlpReceiver();
  plane = await startDataPlane({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=test',
    OTEL_BSP_SCHEDULE_DELAY: '100',
    // Trace only additions that the client traces.
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  });
});

after(async () => {
  await plane?.[Symbol.asyncDispose]();
  await receiver?.[Symbol.asyncDispose]();
});

async function add(series: string, traceparent?: string): Promise<{ partition: number; offset: string }> {
  const response = await fetch(`${plane.calculatorUrl}/v1/additions`, {
    method: 'POST',
    headers: traceparent === undefined ? {} : { traceparent },
    body: JSON.stringify({ requestId: randomUUID(), series, a: '1', b: '2' }),
  });
  const { position } = (await response.json()) as { position: { partition: number; offset: string } };
  return position;
}

const traceOf = (traceId: string) => receiver.spans.filter((span) => span.traceId === traceId);

function only(spans: readonly ReceivedSpan[], what: string): ReceivedSpan {
  assert.equal(spans.length, 1, `${what}: ${JSON.stringify(spans.map(({ name }) => name))}`);
  return spans[0] as ReceivedSpan;
}

describe('one addition', () => {
  test('is one trace from the request of the client to the commit, linked with the batches that carried it', async () => {
    const other = Array.from({ length: 5 }, () => add('other'));
    const { partition, offset } = await add('traced', `00-${clientTrace.traceId}-${clientTrace.spanId}-01`);
    await Promise.all(other);
    const named = (start: string) => receiver.spans.filter(({ name }) => name.startsWith(start));
    await until(
      'all spans to arrive',
      () => named('apply_batch_v2').length > 0 && traceOf(clientTrace.traceId).length >= 3,
      {
        seen: () => receiver.spans.map(({ name }) => name),
      },
    );

    const trace = traceOf(clientTrace.traceId);
    const request = only(
      trace.filter(({ kind }) => kind === 2),
      'the request',
    );
    assert.equal(request.name, 'POST /v1/additions');
    assert.equal(request.parentSpanId, clientTrace.spanId);
    assert.match(request.service, /-calculator$/);

    const send = only(
      trace.filter(({ kind }) => kind === 4),
      'the addition on its way into the log',
    );
    assert.equal(send.parentSpanId, request.spanId);
    assert.equal(send.attributes['messaging.destination.partition.id'], String(partition));
    assert.equal(send.attributes['kafka.offset'], Number(offset));

    const counted = only(
      trace.filter(({ kind }) => kind === 5),
      'the addition counted',
    );
    assert.equal(counted.parentSpanId, send.spanId);
    assert.match(counted.service, /-aggregator$/);
    assert.equal(counted.attributes['kafka.offset'], Number(offset));
    assert.ok(counted.end >= request.start);
    assert.equal(trace.length, 3);

    // The batches are separate traces, because they belong to many additions.
    const [batch] = counted.links;
    const append = only(named('append '), 'the produce request');
    assert.deepEqual(append.links, [{ traceId: send.traceId, spanId: send.spanId }]);
    const process = only(
      receiver.spans.filter(({ spanId }) => spanId === batch?.spanId),
      'the batch of the aggregator',
    );
    assert.deepEqual(process.links, [{ traceId: send.traceId, spanId: send.spanId }]);
    const commit = only(named('apply_batch_v2'), 'the transaction');
    assert.equal(commit.parentSpanId, process.spanId);
    assert.equal(commit.attributes['db.system.name'], 'postgresql');
    assert.deepEqual(receiver.refused, []);
  });

  test('is an exemplar of the time that its request took', async () => {
    const response = await fetch(`${plane.adminUrl.calculator}/metrics`);
    assert.match(response.headers.get('content-type') ?? '', /^application\/openmetrics-text/);
    const exemplar = new RegExp(
      `^sumpipeline_request_duration_seconds_bucket\\{.*method="Add".*\\} \\d+ # \\{trace_id="${clientTrace.traceId}"`,
      'm',
    );
    assert.match(await response.text(), exemplar);
  });

  test('is not traced when the client does not request it', async () => {
    const seen = receiver.spans.length;
    await add('quiet');
    // The arrival of the next traced addition shows that spans of the untraced one would have arrived.
    const traceId = randomUUID().replaceAll('-', '');
    await add('traced', `00-${traceId}-${clientTrace.spanId}-01`);
    await until('the traced addition to arrive', () => traceOf(traceId).length >= 3, { seen: () => receiver.spans });
    const traces = new Set(
      receiver.spans.slice(seen).flatMap(({ links, ...span }) => [span, ...links].map((s) => s.traceId)),
    );
    const batches = receiver.spans.slice(seen).filter(({ links }) => links.some((link) => link.traceId === traceId));
    for (const { traceId: ofBatch } of batches) traces.delete(ofBatch);
    assert.deepEqual([...traces], [traceId]);
  });
});
