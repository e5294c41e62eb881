import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { GeneratedFile } from './generatedFile.ts';

const run = promisify(execFile);

/** Lints proto/ and returns what protoc-gen-es writes for it, without touching the tree. */
export async function generateProtobuf(root: string): Promise<GeneratedFile[]> {
  const bin = join(root, 'node_modules', '.bin');
  const options = { cwd: root, env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` } };
  await run('buf', ['lint'], options);
  const out = await mkdtemp(join(tmpdir(), 'sumpipeline-gen-'));
  try {
    await run('buf', ['generate', '--output', out], options);
    const entries = await readdir(out, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return await Promise.all(
      files.sort().map(async (file) => ({ path: relative(out, file), text: await readFile(file, 'utf8') })),
    );
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}
