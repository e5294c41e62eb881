import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeExit, spawnChild } from '#lab/process/child.ts';
import { findProcesses } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import { readLogTail } from '#lab/progress.ts';
import { giveTo, type UserIds } from './user.ts';

export interface NewData {
  readonly runtime: string;
  /** Folder that holds the data folder and the password file. */
  readonly dir: string;
  readonly data: string;
  readonly user: UserIds | undefined;
  readonly superuser: string;
  readonly password: string;
  readonly fsync: boolean;
  readonly logFile: string;
}

/** Runs initdb in another folder and renames it, so that an interrupted initdb leaves no incomplete server. */
export async function initialiseData(request: NewData): Promise<void> {
  const { runtime, dir, data, user, superuser, password, fsync, logFile } = request;
  const partial = `${data}.partial`;
  const passwordFile = join(dir, 'password.txt');
  await rm(data, { recursive: true, force: true });
  await rm(partial, { recursive: true, force: true });
  await rm(passwordFile, { force: true });
  await mkdir(partial, { mode: 0o700 });
  await giveTo(user, partial);
  await writeFile(passwordFile, password, { mode: 0o600 });
  await giveTo(user, passwordFile);
  const child = await spawnChild({
    command: join(runtime, 'bin', 'initdb'),
    args: [
      `--pgdata=${partial}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // This locale sorts by code point on every machine, independent of its C library.
      '--locale-provider=builtin',
      '--locale=C.UTF-8',
      '--lc-messages=C',
      ...(fsync ? [] : ['--no-sync']),
    ],
    logFile,
    ...(user ? { user } : {}),
    env: { LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  const exit = await child.exited;
  await rm(passwordFile, { force: true });
  if (exit.code !== 0) throw new Error(`initdb failed (${describeExit(exit)}):\n${readLogTail(logFile)}`);
  await rename(partial, data);
}

/**
 * Removes `postmaster.pid` if it names a process that has ended, as after kill -9 or a reboot. PostgreSQL itself would
 * keep the file, and not start, if another process of the same user has this pid now. That is likely while pids are
 * small, so we check the command line of the process. Throws if PostgreSQL runs on this folder.
 */
export async function removeStalePidFile(data: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid');
  const pid = Number((await readIfThere(pidFile))?.split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  const commandLine = await readIfThere(`/proc/${pid}/cmdline`);
  if (commandLine?.split('\0').includes(data)) {
    throw new Error(`PostgreSQL already runs on ${data} as process ${pid}: stop that process first`);
  }
  await rm(pidFile);
}

/**
 * Ends the backends of a killed postmaster. A backend notices the death of the postmaster only when it waits for
 * something. A backend in a long computation keeps the shared memory, and a new server refuses to start beside it.
 */
export async function endOrphans(data: string): Promise<void> {
  await waitFor({ what: `the processes of a killed PostgreSQL on ${data} to end`, timeoutMs: 10_000 }, async () => {
    const found = await findProcesses(data);
    const orphans = found.filter(({ folder, commandLine }) => folder === data && commandLine.startsWith('postgres:'));
    for (const { pid } of orphans) killIfThere(pid);
    return orphans.length === 0 ? true : undefined;
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: the process ended between open and read.
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}
