import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from './condition.ts';

export interface DaemonOptions {
  readonly name: 'calculator' | 'aggregator';
  /** The checkout whose program runs. Default: this one. */
  readonly root?: string;
  /** The environment as the operator would set it. Only PATH is added. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A program of the image as a separate process, whose output a test can read. */
export interface Daemon extends AsyncDisposable {
  readonly name: DaemonOptions['name'];
  readonly pid: number;
  /** The log lines of the program, parsed. */
  readonly lines: Record<string, unknown>[];
  /** Output that is not a log line. It should be empty. */
  readonly noise: string[];
  readonly http: string;
  readonly grpc: string;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  /** Sends SIGTERM, as Kubernetes does, and waits for the end. */
  stop(): Promise<number | string>;
  /** Reads from the admin port. */
  get(path: string): Promise<{ status: number; text: string }>;
}

/** Starts `sumpipeline <name>` on free ports and waits until it listens. Killed when disposed of. */
export async function startDaemon({ name, root = '.', environment }: DaemonOptions): Promise<Daemon> {
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', 'sumpipeline.ts', name], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      SUMPIPELINE_NAMESPACE: 'shop',
      SUMPIPELINE_NAME: 'orders',
      SUMPIPELINE_LISTEN_ADDRESS: '127.0.0.1',
      SUMPIPELINE_HTTP_PORT: '0',
      SUMPIPELINE_GRPC_PORT: '0',
      SUMPIPELINE_ADMIN_PORT: '0',
      SUMPIPELINE_DRAIN_MS: '0',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: Daemon['lines'] = [];
  const noise: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      lines.push(JSON.parse(line));
    } catch {
      noise.push(line);
    }
  });
  createInterface({ input: child.stderr }).on('line', (line) => noise.push(line));
  const exited = once(child, 'exit').then(([code, signal]) => (code === null ? String(signal) : Number(code)));
  const listening = () => lines.find(({ message }) => String(message).endsWith('listens'));
  await until(`the ${name} to listen`, () => listening() !== undefined || child.exitCode !== null, {
    seen: () => ({ lines, noise }),
  });
  const ports = listening();
  if (ports === undefined) throw new Error(`the ${name} ended: ${[...lines.map((line) => line['message']), ...noise]}`);
  return {
    name,
    pid: child.pid ?? 0,
    lines,
    noise,
    http: `http://127.0.0.1:${ports['http']}`,
    grpc: `127.0.0.1:${ports['grpc']}`,
    signal: (signal) => void child.kill(signal),
    exited,
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    async get(path) {
      const response = await fetch(`http://127.0.0.1:${ports['admin']}${path}`);
      return { status: response.status, text: await response.text() };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
