import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { BootstrapError } from './failure.mjs';
import { repository } from './nodeModules.mjs';
import { isAtLeast, parseVersion } from './tools.mjs';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Maximum time between two signals of one key press, in milliseconds. Ctrl-C reaches us twice: from the terminal and
 * from npm.
 */
const sameKeyPressMs = 500;

/** Time between two checks whether npm and its shell still run, in milliseconds. */
const orphanCheckMs = 500;

/**
 * Runs a TypeScript program with Node 24. The program gets our standard streams and signals, and we return its exit
 * code. The program has its own session, so that Ctrl-C reaches it only once, through us. If we or npm above us are
 * killed, the program gets a SIGTERM.
 *
 * @param {{script: string, args: readonly string[], env: NodeJS.ProcessEnv}} program `script` is relative to the repository
 * @returns {Promise<number>} the exit code; 128 + number for a signal, as shells have it
 */
export function runProgram({ script, args, env }) {
  const bin = join(repository, 'node_modules', '.bin');
  const command = [findNode(bin), join(repository, script), ...args];
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...command], {
    stdio: 'inherit',
    detached: true,
    env: { ...env, PATH: `${bin}:${env['PATH'] ?? ''}` },
  });

  const lastAt = new Map();
  const forward = (signal) => {
    const now = performance.now();
    const isSame = signal === 'SIGINT' && now - (lastAt.get(signal) ?? Number.NEGATIVE_INFINITY) < sameKeyPressMs;
    lastAt.set(signal, now);
    if (!isSame) child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  const isOrphan = watchParents(env);
  const orphanCheck = setInterval(() => {
    if (!isOrphan()) return;
    clearInterval(orphanCheck);
    child.kill('SIGTERM');
  }, orphanCheckMs);

  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new BootstrapError(`cannot start ${script}: ${error.message}`)));
    child.once('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]));
  }).finally(() => {
    clearInterval(orphanCheck);
    for (const signal of forwarded) process.off(signal, forward);
  });
}

/**
 * Finds Node 24 in node_modules. If that package does not exist, returns our own Node if its version is new enough.
 */
function findNode(bin) {
  const node = join(bin, 'node');
  if (existsSync(node)) return node;
  if (isAtLeast(parseVersion(process.version), [24])) return process.execPath;
  throw new BootstrapError(
    `npm has no Node 24 package for ${process.platform}-${process.arch}: install Node >= 24 yourself, or run npm ci again`,
  );
}

/**
 * Returns a function that says whether npm or its shell has ended. It compares parents, because the kernel gives a
 * process another parent when the old parent ends. npm runs us under a shell and does not pass on every signal, so we
 * would continue after a `kill` of npm. If npm did not start us, the function always returns false: a start under
 * nohup must continue when its parent ends.
 */
function watchParents(env) {
  if (env['npm_lifecycle_event'] === undefined) return () => false;
  const shell = process.ppid;
  const npm = parentOf(shell);
  return () => process.ppid !== shell || parentOf(shell) !== npm;
}

function parentOf(pid) {
  try {
    // The file is `pid (name) state ppid ...`. The name may hold spaces and brackets.
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')[1];
  } catch {
    return undefined;
  }
}
