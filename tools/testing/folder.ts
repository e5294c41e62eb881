import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** Returns the path of a file in the folder. */
  file(name: string): string;
}

/**
 * Makes a folder with these files. Other users may enter it, because PostgreSQL does not run as root. Disposing
 * removes the folder with all its files.
 */
export async function createTemporaryFolder(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'sumpipeline-'));
  await chmod(path, 0o711);
  const file = (name: string) => join(path, name);
  for (const [name, content] of Object.entries(files)) await writeFile(file(name), content);
  return { path, file, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}
