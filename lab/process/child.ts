import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

/** A program to run as a child process. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** User that the child runs as. Needs root. Default: the user of our process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The whole environment of the child. Default: the environment of our process. */
  readonly env?: NodeJS.ProcessEnv;
  /** The signal that the kernel sends the child when we die for any reason. Default KILL. */
  readonly parentDeathSignal?: 'KILL' | 'QUIT';
}

/** How a child ended. Exactly one of the two fields is not null. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly pid: number;
  readonly logFile: string;
  /** Settles once, when the process has ended. Never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Sends a signal. Has no effect when the process has ended. */
  signal(name: NodeJS.Signals): void;
}

/**
 * Starts a program that cannot outlive our process: `setpriv --pdeathsig` tells the kernel to end the program when we
 * die, even by kill -9. The program gets its own session. So Ctrl-C in the terminal reaches only our process, and we
 * decide which child ends first.
 */
export async function spawnChild(options: ChildOptions): Promise<Child> {
  const { command, args, logFile, user, env, parentDeathSignal = 'KILL' } = options;
  const asUser = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  const log = openSync(logFile, 'a');
  try {
    const child = spawn('setpriv', [...asUser, '--pdeathsig', parentDeathSignal, '--', command, ...args], {
      stdio: ['ignore', log, log],
      detached: true,
      ...(env ? { env } : {}),
    });
    const exited = new Promise<ChildExit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error(`${command} started without a process id`);
    return { pid: child.pid, logFile, exited, signal: (name) => void child.kill(name) };
  } catch (error) {
    throw new Error(`cannot start ${command}`, { cause: error });
  } finally {
    closeSync(log);
  }
}

/** Describes how a child ended: `exit code 1` or `signal SIGKILL`. */
export function describeExit({ code, signal }: ChildExit): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
