import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { findFreePort } from '#lab/process/ports.ts';
import type { Progress } from '#lab/progress.ts';

export interface TiltOptions {
  /** Folder for Tilt's own files and caches: nothing is written to the user's home. */
  readonly dir: string;
  /** The folder in which Tilt finds kubectl. */
  readonly kubectlPath: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

interface TiltRun {
  readonly kubeconfigPath: string;
  /** Arguments of Tilt, such as `['ci', '--', '--local']`. */
  readonly args: readonly string[];
  /** Gets each line of standard output and of standard error. */
  readonly onLine: (line: string) => void;
}

/** Tilt, with folders and an environment that are separate from those of the user. */
export interface Tilt {
  /** Runs Tilt until it ends and returns the exit code. Sends it a SIGTERM when the signal is aborted. */
  run(run: TiltRun): Promise<number>;
}

const host = '127.0.0.1';
const modulePath = 'github.com/tilt-dev/tilt';

/**
 * The script that Tilt runs as yarn. A Tilt that is built from its Go module has no web page. At its start it runs yarn
 * in the folder of its source, to build the page. For Tilt the folder is a relative path, because our builds contain no
 * path of the machine. So we start Tilt in a folder that contains this path, with a yarn that builds nothing.
 */
const yarn = `#!/bin/sh
[ "$1" = install ] && exit
# Runs until Tilt has ended. It checks this itself, because a killed Tilt does not end it.
while kill -0 $PPID; do sleep 1; done
`;

export async function createTilt({ dir, kubectlPath, progress, signal }: TiltOptions): Promise<Tilt> {
  const program = join(await buildGoModule('tilt', { progress, signal }), 'tilt');
  const bin = join(dir, 'bin');
  const page = join(dir, `${modulePath}@${await readVersion()}`, 'web');
  for (const folder of [bin, page]) await mkdir(folder, { recursive: true });
  await writeFile(join(page, 'package.json'), '{}');
  await writeFile(join(bin, 'yarn'), yarn);
  await chmod(join(bin, 'yarn'), 0o755);
  return {
    async run({ kubeconfigPath, args, onLine }) {
      const env = {
        ...process.env,
        ...ownFolders(dir),
        PATH: [bin, dirname(kubectlPath), process.env['PATH']].join(':'),
        KUBECONFIG: kubeconfigPath,
        DO_NOT_TRACK: '1',
      };
      // If we die, the kernel sends Tilt a SIGTERM, so that Tilt ends its children.
      const command = ['--pdeathsig', 'TERM', '--', program, ...args];
      const child = spawn('setpriv', command, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      const stop = () => void child.kill('SIGTERM');
      signal.addEventListener('abort', stop, { once: true });
      try {
        return await follow(child, onLine);
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
  };
}

/**
 * Returns flags for a command of Tilt that opens ports, such as `tilt ci`. With these flags the command listens only on
 * loopback.
 */
export async function serveFlags(): Promise<string[]> {
  const [port, pagePort] = [await findFreePort(host), await findFreePort(host)];
  return ['--host', host, '--port', String(port), '--webdev-port', String(pagePort), '--web-mode', 'local'];
}

async function follow(child: ChildProcess, onLine: (line: string) => void): Promise<number> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('Tilt was started without pipes');
  for (const input of [stdout, stderr]) createInterface({ input }).on('line', onLine);
  const [code, endedBy] = await once(child, 'close');
  if (code === null) throw new Error(`Tilt was ended by ${endedBy}`);
  return code;
}

/**
 * Keeps the settings and the log-in token of Tilt and the cache of kubectl in `dir`. The cache of another cluster
 * would be wrong, because each new cluster has the same address.
 */
function ownFolders(dir: string): NodeJS.ProcessEnv {
  const names = ['CONFIG_HOME', 'DATA_HOME', 'STATE_HOME', 'CACHE_HOME', 'RUNTIME_DIR'];
  return {
    TILT_DEV_DIR: join(dir, 'tilt-dev'),
    KUBECACHEDIR: join(dir, 'kubectl'),
    ...Object.fromEntries(names.map((name) => [`XDG_${name}`, join(dir, name.toLowerCase())])),
  };
}

async function readVersion(): Promise<string> {
  const goMod = join(import.meta.dirname, '..', 'cluster', 'modules', 'tilt', 'go.mod');
  const [, version] = /tilt-dev\/tilt (v\S+)/.exec(await readFile(goMod, 'utf8')) ?? [];
  if (version === undefined) throw new Error(`${goMod} has no version of Tilt`);
  return version;
}
