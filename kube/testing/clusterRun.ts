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

/** The files of a row, in a home folder of its own. */
export interface RowFolder extends AsyncDisposable {
  readonly path: string;
  /** The folder with the files of the ServiceAccount. */
  readonly pod: string;
  readonly env: Readonly<Record<string, string>>;
  /** `~/` becomes the home folder. */
  expand(text: string): string;
  /** What the plugins of the row were given since the last call. */
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

/** Our own way from the row to a request: what the servers saw of it, and the chain of errors if there was one. */
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

/** The ServiceAccount's files are at a place that belongs to the machine. */
function inFolder(file: string, { pod }: RowFolder): string {
  return file.replace('/var/run/secrets/kubernetes.io/serviceaccount', pod);
}

/** In the form of a row's expectation, with the error's text in place of a pattern. */
export async function outcomeOf(folder: RowFolder, servers: ApiServers, error: string | undefined) {
  const { requests, proxies } = servers.take();
  return { seen: requests, proxies, plugin: await folder.takePlugin(), error };
}

/** The expectation without what depends on the program. */
export function sharedOf({ seen = [], proxies = [], plugin = [] }: Outcome) {
  return { seen, proxies, plugin };
}

function describeChain(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) parts.push(at.message);
  return parts.join(': ');
}
