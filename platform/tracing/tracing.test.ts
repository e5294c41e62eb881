import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { context, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import type { Logger } from '#platform/log.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { until } from '#test/support/condition.ts';
import { type OtlpReceiver, startOtlpReceiver } from '#test/support/otlpReceiver.ts';
import { activeTraceIds, contextOf, inClientSpan, inSpan, linksTo, traceparentOf } from './spans.ts';
import { startTracing } from './start.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const sampled = `00-${traceId}-b7ad6b7169203331-01`;
const unsampled = `00-${traceId}-b7ad6b7169203331-00`;

/** Calls `startTracing` in a new process. Returns the OpenTelemetry packages that it loaded, and its log lines. */
function startElsewhere(environment: Record<string, string>): { packages: string[]; lines: string } {
  const program = `
    import { registerHooks } from 'node:module';
    const packages = new Set();
    registerHooks({ resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/')) packages.add(specifier);
      return next(specifier, context);
    } });
    const { createLogger } = await import('#platform/log.ts');
    const { startTracing } = await import('#platform/tracing/start.ts');
    const { inSpan } = await import('#platform/tracing/spans.ts');
    const logger = createLogger({ level: 'info' });
    const close = await startTracing({ environment: process.env, serviceName: 'test', logger });
    await inSpan({ name: 'work', kind: 0 }, async () => logger.info({}, 'inside'));
    await close().catch(() => {});
    console.error(JSON.stringify([...packages]));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: process.env['PATH'], ...environment },
    encoding: 'utf8',
  });
  return { packages: JSON.parse(stderr), lines: stdout };
}

describe('a process without an endpoint', () => {
  for (const [name, environment] of Object.entries({
    'no variable at all': {},
    'an endpoint and OTEL_SDK_DISABLED': {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_SDK_DISABLED: 'true',
    },
    'an endpoint and OTEL_TRACES_EXPORTER=none': {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_TRACES_EXPORTER: 'none',
    },
  })) {
    test(`loads nothing but the API: ${name}`, () => {
      const { packages, lines } = startElsewhere(environment);
      assert.deepEqual(packages, ['@opentelemetry/api']);
      assert.match(lines, /inside/);
      assert.doesNotMatch(lines, /trace_id/);
    });
  }
});

describe('a process with an endpoint', () => {
  test('loads the SDK, and its log lines name the trace', () => {
    const { packages, lines } = startElsewhere({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    assert.ok(packages.includes('@opentelemetry/sdk-trace'));
    const inside = lines.split('\n').find((line) => line.includes('inside')) ?? '';
    assert.match(inside, /"trace_id":"[0-9a-f]{32}","span_id":"[0-9a-f]{16}"/);
  });

  for (const [name, value] of [
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
    ['OTEL_TRACES_SAMPLER_ARG', '5'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector:4318'],
  ] as const) {
    test(`continues without traces and names the variable: ${name}=${value}`, async () => {
      const warnings: string[] = [];
      const logger: Logger = {
        ...silentLogger,
        warn: (fields, message) => warnings.push(`${message} ${String(Reflect.get(fields, 'error'))}`),
      };
      const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', [name]: value };
      const close = await startTracing({ environment, serviceName: 'test', logger });
      await close();
      assert.equal(warnings.length, 1);
      assert.ok(warnings[0]?.includes(name), warnings[0]);
    });
  }
});

/** With this sampler no trace begins in this process: a span is sampled only if a caller sampled its parent. */
describe('spans of sampler parentbased_always_off', () => {
  let receiver: OtlpReceiver;
  let close: () => Promise<void>;

  before(async () => {
    receiver = await startOtlpReceiver();
    process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = receiver.url;
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    };
    close = await startTracing({ environment, serviceName: 'test', logger: silentLogger });
  });
  after(async () => {
    await close();
    await receiver[Symbol.asyncDispose]();
  });

  const settings = { name: 'work', kind: SpanKind.SERVER };

  for (const [name, traceparent] of Object.entries({
    'no caller': undefined,
    'a caller that is not sampled': unsampled,
    'an empty text': '',
    'no ids': 'hello',
    'two of them': `${sampled},${sampled}`,
    'zeros for an id': `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    'a text of 1 MB': 'a'.repeat(1_000_000),
  })) {
    test(`is not sampled and sends no trace context: ${name}`, async () => {
      await inSpan({ ...settings, parent: contextOf({ traceparent }) }, async (span) => {
        assert.equal(traceparentOf(span), undefined);
        assert.equal(activeTraceIds(), undefined);
        assert.deepEqual(linksTo([traceparent]), []);
      });
    });
  }

  test('continues the trace of a sampled caller, and passes it on to another system', async () => {
    const { metrics, exposition } = createMetrics(
      { test_seconds: { type: 'histogram', help: 'Time.', buckets: [1] } },
      { processMetrics: false },
    );
    await inSpan({ ...settings, name: 'outer', parent: contextOf({ traceparent: sampled }) }, async (span) => {
      assert.match(traceparentOf(span) ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      assert.equal(activeTraceIds()?.trace_id, traceId);
      metrics.test_seconds.observe(0.5);
      await inClientSpan('inner', {}, async () => {});
    });
    assert.match(
      await exposition.render(),
      new RegExp(`test_seconds_bucket{le="1"} 1 # {trace_id="${traceId}",span_id="`),
    );
    await until('both spans to arrive', () => ['outer', 'inner'].every((name) => find(name) !== undefined));
    assert.equal(find('outer')?.parentSpanId, 'b7ad6b7169203331');
    assert.equal(find('inner')?.parentSpanId, find('outer')?.spanId);
  });

  test('samples a batch when one of the additions in it is', async () => {
    const links = linksTo([undefined, unsampled, sampled]);
    await inSpan({ ...settings, name: 'batch', parent: ROOT_CONTEXT, links }, async () => {});
    await inSpan(
      { ...settings, name: 'other batch', parent: ROOT_CONTEXT, links: linksTo([unsampled]) },
      async () => {},
    );
    await until('the batch to arrive', () => find('batch') !== undefined);
    assert.deepEqual(find('batch')?.links, [{ traceId, spanId: 'b7ad6b7169203331' }]);
    assert.equal(find('batch')?.parentSpanId, '');
    assert.equal(find('other batch'), undefined);
  });

  test('hides a sampled span from work that is not sampled', async () => {
    await inSpan({ ...settings, parent: contextOf({ traceparent: sampled }) }, () =>
      inSpan({ ...settings, parent: ROOT_CONTEXT }, async () => {
        assert.equal(activeTraceIds(), undefined);
        await inClientSpan('hidden', {}, async (span) => assert.equal(span, undefined));
      }),
    );
  });

  test('creates no context for work that is not sampled', async () => {
    const outside = context.active();
    await inSpan({ ...settings, parent: ROOT_CONTEXT }, async () => assert.equal(context.active(), outside));
  });

  test('records an error, and makes no client span outside another span', async () => {
    const failing = inSpan({ ...settings, name: 'failing', parent: contextOf({ traceparent: sampled }) }, async () => {
      throw new TypeError('no');
    });
    await assert.rejects(failing, TypeError);
    await inClientSpan('alone', {}, async () => {});
    await until('the span to arrive', () => find('failing') !== undefined);
    assert.equal(find('failing')?.status, 2);
    assert.equal(find('failing')?.attributes['error.type'], 'TypeError');
    assert.equal(find('alone'), undefined);
    assert.deepEqual(receiver.refused, []);
  });

  const find = (name: string) => receiver.spans.find((span) => span.name === name);
});
