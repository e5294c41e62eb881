import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { createKubectl, type Kubectl } from '#lab/up/kubectl.ts';

const root = join(import.meta.dirname, '..', '..');

/** One `npm start`, as a user runs it in a terminal. */
export interface Start {
  /** What `npm start` has printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves with the exit code, or the signal that ended npm. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Sends SIGINT to every process in the foreground, as a terminal does for Ctrl-C. Resolves as `exited` does. */
  interrupt(): Promise<number | NodeJS.Signals>;
  /** Resolves when `isThere` returns true for the standard error. */
  untilSaid(what: string, isThere: (stderr: string) => boolean): Promise<void>;
}

/** Starts `npm start -- ARGS` with its state in a folder of the test. */
export function npmStart(options: { state: string; args?: readonly string[]; silent?: boolean }): Start {
  const { state, args = [], silent = false } = options;
  const child = spawn('npm', ['start', ...(silent ? ['--silent'] : []), ...(args.length > 0 ? ['--', ...args] : [])], {
    cwd: root,
    env: { ...process.env, SUMPIPELINE_STATE: state },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own, as in a terminal
  });
  const heard = { stdout: '', stderr: '' };
  const news = new EventTarget();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
      news.dispatchEvent(new Event('news'));
    });
  }
  const exited = once(child, 'close').then(([code, signal]: (number | NodeJS.Signals | null)[]) => {
    running.delete(child);
    news.dispatchEvent(new Event('news'));
    return z.union([z.number(), z.custom<NodeJS.Signals>()]).parse(code ?? signal);
  });
  running.add(child);
  return {
    stdout: () => heard.stdout,
    stderr: () => heard.stderr,
    exited,
    interrupt() {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGINT');
      return exited;
    },
    async untilSaid(what, isThere) {
      for (;;) {
        if (isThere(heard.stderr)) return;
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`npm start ended before it said ${what}:\n${heard.stderr}`);
        await once(news, 'news');
      }
    },
  };
}

/** Processes of `npm start` that still run, because a test failed. */
const running = new Set<ChildProcess>();

export async function endAll(): Promise<void> {
  const ends = [...running].map((child) => {
    const end = once(child, 'close');
    // The child processes of `npm start` end with it. The next start removes what is left of the node.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    return end;
  });
  await Promise.all(ends);
}

/** A running system, with the tools that its instructions name. */
export interface System {
  readonly start: Start;
  /** The instructions that it printed for the user. */
  readonly instructions: string;
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  readonly state: string;
  /** Runs `sumctl ARGS`. */
  sumctl(args: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<Ran>;
  /** Runs `npm run down`. */
  down(): Promise<Ran>;
  /** Runs lines in a shell, in any folder, after the first lines of the instructions. */
  shell(...lines: string[]): Promise<Ran>;
}

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits up to 20 minutes until a start is ready: a machine with empty caches builds Kubernetes first. */
export async function untilUp(start: Start, state: string): Promise<System> {
  await start.untilSaid('that the pipeline is ready', () => start.stdout().includes('Ctrl-C takes everything down'));
  const instructions = start.stdout().slice(start.stdout().indexOf('In another terminal:'));
  // The second paragraph sets the folder and the cluster.
  const [, setUpText = ''] = instructions.split('\n\n');
  const setUp = setUpText.split('\n').map((line) => line.slice(2));
  const find = (pattern: RegExp) => {
    const [, found] = pattern.exec(instructions) ?? [];
    if (found === undefined) throw new Error(`the instructions lack ${pattern}:\n${instructions}`);
    return found;
  };
  const kubeconfig = find(/^ {2}export KUBECONFIG=(\S+)$/m);
  const kubectlPath = find(/^ {2}alias kubectl=(\S+)$/m);
  const sumctlEnv = { KUBECONFIG: kubeconfig, SUMPIPELINE_STATE: state };
  return {
    start,
    state,
    instructions,
    kubeconfig,
    kubectl: createKubectl({
      command: kubectlPath,
      kubeconfig,
      context: undefined,
      cacheDir: join(state, 'test-kubectl'),
    }),
    sumctl: (args, options) => run(process.execPath, [join(root, 'cli', 'sumctl.ts'), ...args], sumctlEnv, options),
    down: () => run('npm', ['run', '--silent', 'down'], sumctlEnv),
    shell: (...lines) =>
      run('bash', ['-c', ['shopt -s expand_aliases', ...setUp, ...lines].join('\n')], {}, { cwd: tmpdir() }),
  };
}

async function run(
  command: string,
  args: readonly string[],
  more: Readonly<Record<string, string>>,
  { signal, cwd = root }: { readonly signal?: AbortSignal; readonly cwd?: string } = {},
): Promise<Ran> {
  const env = { ...process.env, ...more };
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  const heard = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      heard[name] += text;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...heard };
}
