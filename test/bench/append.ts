import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Kafka, startKafka } from '#lab/kafka/kafka.ts';
import { until } from '#test/support/condition.ts';
import { startDaemon } from '#test/support/daemon.ts';
import { createLog, plainClient, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { cpuMs, quantile, runClosedLoop } from './closedLoop.ts';

/**
 * Measures the cost of an acknowledged addition: a closed loop of several unary gRPC calls to one calculator, with a
 * real Kafka over SASL_SSL. A bare grpc-js echo is measured too, to compare. Prints a table with the median of
 * several rounds. Everything is in one run, because two runs on a busy machine cannot be compared.
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

interface Row {
  readonly server: string;
  readonly 'acknowledged/s': number;
  readonly [column: string]: string | number;
}

/** A server under test: its address and the process whose CPU time is measured. */
interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
  /** Returns how many additions and appends were made since the start. Undefined if the server makes no appends. */
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
  // Measure the subjects in turns, so that a busy moment of the machine affects all of them.
  const measured: Row[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const start of subjects) {
      await using subject = await start();
      measured.push(await measure(subject, inFlight));
    }
  }
  console.table([...Map.groupBy(measured, ({ server }) => server).values()].map(median));
}

/** Returns the round with the median rate. All numbers are from this round: rounds must not be mixed. */
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
  const read = async () => ({ cpu: await cpuMs(subject.pid), batch: await subject.batch() });
  const { latencies, failed, seconds, before, after } = await runClosedLoop({
    address: subject.address,
    inFlight,
    seconds: Number(values.seconds),
    read,
  });
  const appends = (after.batch?.appends ?? 0) - (before.batch?.appends ?? 0);
  const additions = (after.batch?.additions ?? 0) - (before.batch?.additions ?? 0);
  return {
    'in flight': inFlight,
    server: subject.name,
    'acknowledged/s': Math.round(latencies.length / seconds),
    'p50 ms': quantile(latencies, 0.5),
    'p99 ms': quantile(latencies, 0.99),
    'CPU ms each': ((after.cpu - before.cpu) / latencies.length).toFixed(3),
    'additions/append': appends === 0 ? '-' : (additions / appends).toFixed(1),
    failed,
  };
}
