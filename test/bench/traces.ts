import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startDataPlane } from '#cli/testing/dataPlane.ts';
import { until } from '#test/support/condition.ts';
import { cpuMs, quantile, runClosedLoop } from './closedLoop.ts';

/**
 * Measures the cost of traces. A calculator and an aggregator run without traces, with 1 % and with 100 % of the
 * additions traced. A collector discards the spans. Everything is in one run, and the median of several rounds is
 * printed.
 *
 *   npm run bench:traces
 *   npm run bench:traces -- --seconds 10 --rounds 5 --calls 8,64
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    calls: { type: 'string', default: '64' },
  },
});

interface Row {
  readonly traces: string;
  readonly 'acknowledged/s': number;
  readonly [column: string]: string | number;
}

const sink = spawn(process.execPath, ['test/bench/sink.ts'], { stdio: ['ignore', 'pipe', 'inherit'] });
const [port] = await once(sink.stdout, 'data');
const ratio = (share: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${String(port).trim()}`,
  OTEL_TRACES_SAMPLER: 'traceidratio',
  OTEL_TRACES_SAMPLER_ARG: share,
});
const subjects: readonly [string, Record<string, string>][] = [
  ['off', {}],
  ['1 %', ratio('0.01')],
  ['100 %', ratio('1')],
];
try {
  for (const inFlight of values.calls.split(',').map(Number)) {
    const measured: Row[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      // Measure the subjects in turns, so that a busy moment of the machine affects all of them.
      for (const [name, environment] of subjects) measured.push(await measure(name, environment, inFlight));
    }
    console.table([...Map.groupBy(measured, ({ traces }) => traces).values()].map(median));
  }
} finally {
  sink.kill('SIGKILL');
}

function median(rounds: Row[]): Row | undefined {
  return rounds.toSorted((a, b) => a['acknowledged/s'] - b['acknowledged/s'])[Math.floor(rounds.length / 2)];
}

async function measure(traces: string, environment: Record<string, string>, inFlight: number): Promise<Row> {
  await using plane = await startDataPlane(environment);
  const read = async () => ({
    calculator: await cpuMs(plane.pidOf('calculator')),
    aggregator: await cpuMs(plane.pidOf('aggregator')),
  });
  const { latencies, failed, seconds, before, after } = await runClosedLoop({
    address: plane.calculatorGrpcUrl.replace('grpc://', ''),
    inFlight,
    seconds: Number(values.seconds),
    read,
  });
  const acknowledged = latencies.length;
  const counted = async () => {
    const response = await fetch(`${plane.aggregatorUrl}/v1/totals/bench`);
    return Number(((await response.json()) as { total?: { count?: string } }).total?.count ?? 0);
  };
  // Wait for the aggregator too: if it falls behind, it would seem to use little CPU time.
  const countedAtEnd = await counted();
  await until('everything to be counted', async () => (await counted()) >= acknowledged, { timeoutMs: 60_000 });
  const behind = Math.max(0, acknowledged - countedAtEnd);
  return {
    traces,
    'in flight': inFlight,
    'acknowledged/s': Math.round(acknowledged / seconds),
    'p50 ms': quantile(latencies, 0.5),
    'p99 ms': quantile(latencies, 0.99),
    'calculator ms each': ((after.calculator - before.calculator) / acknowledged).toFixed(3),
    'aggregator ms each': ((after.aggregator - before.aggregator) / acknowledged).toFixed(3),
    'behind at the end': behind,
    failed,
  };
}
