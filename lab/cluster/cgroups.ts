import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '#lab/process/wait.ts';
import { cgroup } from './layout.ts';

/** The controllers by which the kubelet limits pods. The kubelet does not start without all of them. */
const neededControllers = ['cpu', 'cpuset', 'memory', 'pids'];

/**
 * Makes our control group in every hierarchy: one hierarchy with cgroup v2, one per controller with v1. The kubelet
 * uses our group as its root. It does not make this group, only the groups below it.
 */
export async function createCgroup(): Promise<void> {
  for (const root of await findHierarchies()) {
    await mkdir(join(root, cgroup), { recursive: true });
    await passControllersOn(root);
  }
}

/** Makes the root group and our group pass the controllers on to the groups below. Only cgroup v2 needs this. */
async function passControllersOn(root: string): Promise<void> {
  const available = await readFile(join(root, 'cgroup.controllers'), 'utf8').catch(ignoreMissing);
  if (available === undefined || !neededControllers.every((name) => available.split(/\s/).includes(name))) return;
  for (const group of [root, join(root, cgroup)]) {
    await writeFile(join(group, 'cgroup.subtree_control'), neededControllers.map((name) => `+${name}`).join(' ')).catch(
      (cause) => {
        throw new Error(`${group} does not pass on ${neededControllers.join(', ')}, which the kubelet needs`, {
          cause,
        });
      },
    );
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/**
 * Removes our control group with all groups below. Tries again for a time, because a group cannot be removed before its
 * last process ends.
 */
export async function removeCgroup(): Promise<void> {
  const roots = (await findHierarchies()).map((root) => join(root, cgroup));
  await waitFor({ what: `the control group ${cgroup} to be empty`, timeoutMs: 20_000, intervalMs: 100 }, async () => {
    for (const root of roots) await removeTree(root);
    return true;
  });
}

async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(ignoreMissing);
  if (entries === undefined) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path).catch(ignoreMissing);
}

/** Returns the folders where control groups are mounted. */
async function findHierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).trim().split('\n');
  const paths = mounts.flatMap((line) => {
    const [, path, type] = line.split(' ');
    return path !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [path] : [];
  });
  if (paths.length === 0) throw new Error('no control groups are mounted below /sys/fs/cgroup: the kubelet needs them');
  return paths;
}
