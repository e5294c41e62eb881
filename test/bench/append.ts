import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { until } from '#test/support/condition.ts';
import { startDaemon } from '#test/support/daemon.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import { createLog, plainClient, secureLogSettings } from '#test/support/logSettings.ts';
import { type Kafka, startKafka } from '#tools/kafka/kafka.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

/**
 * What an acknowledged addition costs: one calculator over gRPC unary, a closed loop of so many calls in flight, a real
 * Kafka over SASL_SSL, beside a bare grpc-js echo. Prints a table; all of it in one run, because two runs on a busy
 * machine do not compare, and of several rounds the one in the middle.
 *
 *   npm run bench:append                    this tree and the echo
 *   npm run bench:append -- --before DIR    also the calculator of another checkout (with its node_modules)
 *   npm run bench:append -- --seconds 10 --partitions 6 --nodes 3
 */
const { values } = parseArgs({
  options: {
    before: { type: 'string' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '6' },
    nodes: { type: 'string', default: '1' },
    calls: { type: 'string', default: '1,8,64,256' },
  },
});
const warmUpMs = 1_500;

interface Row {
  readonly server: string;
  readonly 'acknowledged/s': number;
  readonly [column: string]: string | number;
}

/** A server under test: where it listens and which process to charge. */
interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  /** Mean records of an append since it started; undefined where there are no appends. */
  batch(): Promise<{ additions: number; appends: number } | undefined>;
}

await using folder = await createTemporaryFolder();
await using kafka = await startKafka({ dir: join(folder.path, 'kafka'), nodes: values.nodes === '3' ? 3 : 1 });
const subjects: (() => Promise<Subject>)[] = [
  startEcho,
  ...(values.before === undefined ? [] : [() => startCalculator('before', resolve(values.before ?? ''))]),
  () => startCalculator('now', process.cwd()),
];
for (const inFlight of values.calls.split(',').map(Number)) {
  // In turns, so that a busy moment of the machine meets them all.
  const measured: Row[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const start of subjects) {
      await using subject = await start();
      measured.push(await measure(subject, inFlight));
    }
  }
  console.table([...Map.groupBy(measured, ({ server }) => server).values()].map(median));
}

/** The round in the middle by rate: numbers of one round belong together. */
function median(rounds: Row[]): Row | undefined {
  return rounds.toSorted((a, b) => a['acknowledged/s'] - b['acknowledged/s'])[Math.floor(rounds.length / 2)];
}

async function startEcho(): Promise<Subject> {
  const child = spawn(process.execPath, ['test/bench/echo.ts'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return {
    name: 'echo',
    address: `127.0.0.1:${String(port).trim()}`,
    pid: child.pid ?? 0,
    batch: async () => undefined,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function startCalculator(name: string, root: string): Promise<Subject> {
  const topic = `bench-${randomUUID().slice(0, 8)}`;
  const dir = join(folder.path, topic);
  await createTopic(kafka, await secureLogSettings({ kafka, topic, dir }));
  const daemon = await startDaemon({
    name: 'calculator',
    root,
    environment: {
      SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers,
      SUMPIPELINE_KAFKA_TOPIC: topic,
      SUMPIPELINE_KAFKA_GROUP: topic,
      SUMPIPELINE_KAFKA_TLS: 'true',
      SUMPIPELINE_KAFKA_CA_FILE: join(dir, 'ca.crt'),
      SUMPIPELINE_KAFKA_SCRAM_MECHANISM: 'SCRAM-SHA-512',
      SUMPIPELINE_KAFKA_USERNAME_FILE: join(dir, 'username'),
      SUMPIPELINE_KAFKA_PASSWORD_FILE: join(dir, 'password'),
    },
  });
  await until('the calculator to be ready', async () => (await daemon.get('/readyz')).status === 200, {
    seen: () => daemon.lines.slice(-3),
  });
  return {
    name,
    address: daemon.grpc,
    pid: daemon.pid,
    async batch() {
      const { text } = await daemon.get('/metrics');
      const read = (series: string) => Number(new RegExp(`^${series} (\\S+)`, 'm').exec(text)?.[1] ?? 0);
      return {
        additions: read('sumpipeline_log_append_batch_additions_sum'),
        appends: read('sumpipeline_log_append_batch_additions_count'),
      };
    },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}

async function createTopic(of: Kafka, settings: Parameters<typeof createLog>[0]): Promise<void> {
  if (of.nodeIds.length === 1) return createLog(settings, Number(values.partitions));
  const admin = plainClient(of.plaintextBootstrapServers).admin();
  await admin.connect();
  const wanted = {
    topic: settings.topic,
    numPartitions: Number(values.partitions),
    replicationFactor: 3,
    configEntries: [
      { name: 'min.insync.replicas', value: '2' },
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
    ],
  };
  await admin.createTopics({ waitForLeaders: true, topics: [wanted] });
  await admin.disconnect();
}

async function measure(subject: Subject, inFlight: number): Promise<Row> {
  using client = new GrpcClient(subject.address, Calculator);
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
  const lanes = Array.from({ length: inFlight }, lane);
  await pass(warmUpMs);
  const [cpuBefore, batchBefore, startedAt] = [await cpuMs(subject.pid), await subject.batch(), performance.now()];
  isMeasuring = true;
  await pass(Number(values.seconds) * 1000);
  isMeasuring = false;
  const seconds = (performance.now() - startedAt) / 1000;
  const [cpuAfter, batchAfter] = [await cpuMs(subject.pid), await subject.batch()];
  isOver = true;
  await Promise.all(lanes);
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN).toFixed(2);
  const appends = (batchAfter?.appends ?? 0) - (batchBefore?.appends ?? 0);
  const additions = (batchAfter?.additions ?? 0) - (batchBefore?.additions ?? 0);
  return {
    'in flight': inFlight,
    server: subject.name,
    'acknowledged/s': Math.round(latencies.length / seconds),
    'p50 ms': at(0.5),
    'p99 ms': at(0.99),
    'CPU ms each': ((cpuAfter - cpuBefore) / latencies.length).toFixed(3),
    'additions/append': appends === 0 ? '-' : (additions / appends).toFixed(1),
    failed,
  };
}

/** User and system time of a process; Linux counts in hundredths of a second. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function pass(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
