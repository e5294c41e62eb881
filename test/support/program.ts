import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');

/** One of our programs as a real process, on free ports. */
export interface Program {
  readonly ports: { readonly http: number; readonly grpc: number; readonly admin: number };
  readonly child: ChildProcess;
  /** Ends it and waits for its end; answers the exit code, or the signal that ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

const startTimeoutMs = 20_000;

/** Starts `sumpipeline NAME` with this environment and waits until it listens. Its log goes to a file. */
export async function startProgram(
  name: 'calculator' | 'aggregator',
  environment: Readonly<Record<string, string>>,
  logFile: string,
): Promise<Program> {
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', 'sumpipeline.ts', name], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      SUMPIPELINE_LISTEN_ADDRESS: '127.0.0.1',
      SUMPIPELINE_HTTP_PORT: '0',
      SUMPIPELINE_GRPC_PORT: '0',
      SUMPIPELINE_ADMIN_PORT: '0',
      SUMPIPELINE_DRAIN_MS: '200',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
  });
  const ports = await listening(child, ended, logFile);
  return {
    ports,
    child,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

async function listening(child: ChildProcess, ended: Promise<unknown>, logFile: string): Promise<Program['ports']> {
  const found = Promise.withResolvers<Program['ports']>();
  const timer = setTimeout(() => found.reject(new Error(`it does not listen; see ${logFile}`)), startTimeoutMs);
  void ended.then((how) => found.reject(new Error(`it ended with ${String(how)} before it listened; see ${logFile}`)));
  if (child.stdout === null) throw new Error('its output is not piped');
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const match = /"http":(\d+),"grpc":(\d+),"admin":(\d+)/.exec(line);
    if (match === null) return;
    found.resolve({ http: Number(match[1]), grpc: Number(match[2]), admin: Number(match[3]) });
  });
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
  }
}
