import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { GrpcClient } from '#test/support/grpcClient.ts';

const warmUpMs = 1_500;

export interface ClosedLoop<Readings> {
  /** host:port of a calculator's gRPC. */
  readonly address: string;
  readonly inFlight: number;
  readonly seconds: number;
  /** Called after the warm-up and at the end of the time, while calls are in flight. */
  readonly read: () => Promise<Readings>;
}

export interface ClosedLoopResult<Readings> {
  /** Latencies of acknowledged additions, in milliseconds, ascending. */
  readonly latencies: readonly number[];
  readonly failed: number;
  readonly seconds: number;
  readonly before: Readings;
  readonly after: Readings;
}

/** Keeps the given number of calls in flight for the given time. Each call that ends starts the next. */
export async function runClosedLoop<Readings>(options: ClosedLoop<Readings>): Promise<ClosedLoopResult<Readings>> {
  using client = new GrpcClient(options.address, Calculator);
  const latencies: number[] = [];
  let failed = 0;
  let isMeasuring = false;
  let isOver = false;
  const lane = async () => {
    while (!isOver) {
      const startedAt = performance.now();
      const answer = await client.call('add', { requestId: randomUUID(), series: 'bench', a: '1.25', b: '2' });
      if (!isMeasuring) continue;
      if (answer.ok) latencies.push(performance.now() - startedAt);
      else failed += 1;
    }
  };
  const lanes = Array.from({ length: options.inFlight }, lane);
  await pass(warmUpMs);
  const before = await options.read();
  const startedAt = performance.now();
  isMeasuring = true;
  await pass(options.seconds * 1000);
  isMeasuring = false;
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await options.read();
  isOver = true;
  await Promise.all(lanes);
  return { latencies: latencies.sort((a, b) => a - b), failed, seconds, before, after };
}

/** Returns a percentile as text with two digits. `share` is from 0 to 1. */
export function quantile(latencies: readonly number[], share: number): string {
  return (latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN).toFixed(2);
}

/** Reads the user and system time of a process, in milliseconds. Linux counts in hundredths of a second. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function pass(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
