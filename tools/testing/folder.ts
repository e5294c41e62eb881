import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
}

/**
 * A folder with these files. Other users may pass through it, because PostgreSQL does not run as root. It is removed with all
 * its files when disposed of.
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
