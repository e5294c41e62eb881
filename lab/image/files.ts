import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { TarEntry } from './tar.ts';

/** Lists every file and link below `path` (or the file at `path`), relative to `root`, sorted. Skips other kinds. */
export async function listFiles(root: string, path: string): Promise<string[]> {
  const info = await stat(join(root, path));
  if (info.isFile()) return [path];
  const entries = await readdir(join(root, path), { withFileTypes: true });
  const lists = await Promise.all(
    entries.map(async (entry) => {
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) return await listFiles(root, below);
      return entry.isFile() || entry.isSymbolicLink() ? [below] : [];
    }),
  );
  return lists.flat().sort();
}

/**
 * Reads one file or link as an entry of an archive at `target`. Uses only the modes 644 and 755, so that a umask does
 * not change the digest.
 */
export async function readEntry(source: string, target: string): Promise<TarEntry> {
  const path = target.replace(/^\//, '');
  const link = await readlink(source).catch(() => undefined);
  if (link !== undefined) return { type: 'link', path, target: link };
  const [data, { mode }] = await Promise.all([readFile(source), stat(source)]);
  return { type: 'file', path, mode: (mode & 0o111) === 0 ? 0o644 : 0o755, data };
}

/** Returns the entries, and an entry for each of their parent folders that is missing in the list. */
export function withParents(entries: readonly TarEntry[]): TarEntry[] {
  const known = new Set(entries.map(({ path }) => path));
  const parents: TarEntry[] = [];
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      if (known.has(parent)) break;
      known.add(parent);
      parents.push({ type: 'directory', path: parent, mode: 0o755 });
    }
  }
  return [...parents, ...entries];
}
