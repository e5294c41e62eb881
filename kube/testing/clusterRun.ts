import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Access, resolveAccess } from '#kube/client/access.ts';
import { credentialsOf } from '#kube/client/credentials.ts';
import { loadKubeconfig } from '#kube/client/kubeconfig.ts';
import { createTransport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import type { ApiServers } from './apiServers.ts';
import type { ClusterRow, Outcome } from './rows/row.ts';

/** A home folder with the files of one row. */
export interface RowFolder extends AsyncDisposable {
  readonly path: string;
  /** The folder with the files of the ServiceAccount. */
  readonly pod: string;
  readonly env: Readonly<Record<string, string>>;
  /** Replaces `~/` by the home folder. */
  expand(text: string): string;
  /** Returns the input of each run of a plugin since the last call. */
  takePlugin(): Promise<unknown[]>;
}

export async function createRowFolder(row: ClusterRow): Promise<RowFolder> {
  const path = await mkdtemp(join(tmpdir(), 'cluster-'));
  const pod = join(path, 'pod');
  const expand = (text: string) => text.replaceAll('~/', `${path}/`);
  await mkdir(pod);
  for (const [name, content] of Object.entries(row.files ?? {})) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), expand(typeof content === 'string' ? content : JSON.stringify(content)));
    if (/^(plugin|bin\/.*)$/.test(name)) await chmod(join(path, name), 0o755);
  }
  for (const [name, target] of Object.entries(row.links ?? {})) await symlink(expand(target), join(path, name));
  for (const [name, content] of Object.entries(row.pod ?? {})) await writeFile(join(pod, name), content);
  const env = Object.entries(row.env ?? {}).map(([name, value]) => [name, expand(value)]);
  return {
    path,
    pod,
    env: { PATH: process.env['PATH'] ?? '', HOME: path, ...Object.fromEntries(env) },
    expand,
    async takePlugin() {
      const runs = join(path, 'runs');
      const text = await readFile(runs, 'utf8').catch(() => '');
      await rm(runs, { force: true });
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line));
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

/** Sends a request with our client for the row. Returns what the servers saw, and the messages of an error. */
export async function runOurs(row: ClusterRow, folder: RowFolder, servers: ApiServers) {
  const before = process.cwd();
  process.chdir(folder.path);
  try {
    await request(resolveRow(row, folder), folder);
    return await outcomeOf(folder, servers, undefined);
  } catch (error) {
    return await outcomeOf(folder, servers, describeChain(error));
  } finally {
    process.chdir(before);
  }
}

export function resolveRow(row: ClusterRow, folder: RowFolder): Access {
  const { env, expand } = folder;
  const explicitPath = row.kubeconfig === undefined ? undefined : expand(row.kubeconfig);
  const isFile = (file: string) => existsSync(inFolder(file, folder));
  const around = { env, readFile: readAsPod(folder), isFile };
  return resolveAccess(loadKubeconfig({ explicitPath, env }), { context: row.context, ...around });
}

async function request(access: Access, folder: RowFolder): Promise<void> {
  const credentials = credentialsOf(access, { env: folder.env, readFile: readAsPod(folder) });
  const transport = createTransport({ credentials, clock: systemClock, userAgent: 'test', timeoutMs: 10_000 });
  try {
    await transport.request({ method: 'GET', path: '/version', context: { verb: 'get', kind: '/version' } });
  } finally {
    await transport.close();
  }
}

function readAsPod(folder: RowFolder) {
  return (file: string) => readFileSync(inFolder(file, folder), 'utf8');
}

/** Replaces the fixed path of the ServiceAccount by the folder of the row. A test must not write to the fixed path. */
function inFolder(file: string, { pod }: RowFolder): string {
  return file.replace('/var/run/secrets/kubernetes.io/serviceaccount', pod);
}

/** Returns the result in the form of a row's `expected`, with the text of the error instead of a pattern. */
export async function outcomeOf(folder: RowFolder, servers: ApiServers, error: string | undefined) {
  const { requests, proxies } = servers.take();
  return { seen: requests, proxies, plugin: await folder.takePlugin(), error };
}

/** Returns the part of the expectation that is the same for kubectl: all except the error message. */
export function sharedOf({ seen = [], proxies = [], plugin = [] }: Outcome) {
  return { seen, proxies, plugin };
}

function describeChain(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message);
  return parts.join(': ');
}
