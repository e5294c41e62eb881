import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '#tools/process/wait.ts';
import { cgroup } from './layout.ts';

/**
 * Makes our control group in every hierarchy (one with cgroup v2, one per controller with v1): the kubelet wants its
 * root to exist, and does the rest itself.
 */
export async function createCgroup(): Promise<void> {
  for (const root of await findHierarchies()) await mkdir(join(root, cgroup), { recursive: true });
}

/** Removes it with all groups below. A group whose last process is still ending refuses; that passes. */
export async function removeCgroup(): Promise<void> {
  const roots = (await findHierarchies()).map((root) => join(root, cgroup));
  await waitFor({ what: `the control group ${cgroup} to be empty`, timeoutMs: 20_000, intervalMs: 100 }, async () => {
    for (const root of roots) await removeTree(root);
    return true;
  });
}

async function removeTree(path: string): Promise<void> {
  try {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.isDirectory()) await removeTree(join(path, entry.name));
    }
    await rmdir(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** Where control groups are mounted. */
async function findHierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).trim().split('\n');
  const paths = mounts.flatMap((line) => {
    const [, path, type] = line.split(' ');
    return path !== undefined && (type === 'cgroup' || type === 'cgroup2') ? [path] : [];
  });
  if (paths.length === 0) throw new Error('no control groups are mounted below /sys/fs/cgroup: the kubelet needs them');
  return paths;
}
