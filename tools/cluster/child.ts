import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface ChildRequest {
  /** For messages and logs. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and standard error go here, appended. */
  readonly log: string;
  /** Default: ours. */
  readonly env?: NodeJS.ProcessEnv;
}

/** How a process ended: one of the two is set. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Set as soon as the process has ended. */
  readonly exit: ChildExit | undefined;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Sends the signal, after `graceMs` SIGKILL, and waits for the end. */
  stop(options?: { readonly signal?: NodeJS.Signals; readonly graceMs?: number }): Promise<ChildExit>;
}

/**
 * The kernel kills the child when this process ends, however it ends; a parent that died before that was arranged is
 * noticed by comparing parents. $0 is our pid.
 */
const dieWithParent = 'test "$PPID" = "$0" && exec "$@"';

/**
 * Starts a program that does not outlive us, not even after kill -9 (`setpriv` and `sh` replace themselves: the pid is the
 * program's own). It gets its own session: Ctrl-C in a terminal reaches only us, so we can stop things in order.
 */
export async function startChild(request: ChildRequest): Promise<Child> {
  const { name, command, args, log, env } = request;
  const output = openSync(log, 'a', 0o600);
  const process_ = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'sh', '-c', dieWithParent, String(process.pid), command, ...args],
    { detached: true, stdio: ['ignore', output, output], ...(env ? { env } : {}) },
  );
  closeSync(output);
  let exit: ChildExit | undefined;
  const exited = new Promise<ChildExit>((resolve) => {
    process_.once('exit', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  await new Promise<void>((resolve, reject) => {
    process_.once('spawn', resolve);
    process_.once('error', (cause) =>
      reject(new Error(`cannot start ${name}: is setpriv (util-linux) installed?`, { cause })),
    );
  });
  const { pid } = process_;
  if (pid === undefined) throw new Error(`${name} started without a pid`);
  return {
    name,
    pid,
    log,
    exited,
    get exit() {
      return exit;
    },
    async stop({ signal = 'SIGTERM', graceMs = 10_000 } = {}) {
      process_.kill(signal);
      const kill = setTimeout(() => process_.kill('SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(kill);
      }
    },
  };
}

export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
