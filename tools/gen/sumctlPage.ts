import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GeneratedFile } from './generatedFile.ts';

const run = promisify(execFile);

/** The help of every verb as a page. sumctl prints it as a separate process: tools/ must not load cli/. */
export async function generateSumctlPage(root: string): Promise<GeneratedFile> {
  const { stdout } = await run(process.execPath, ['--no-warnings', join(root, 'cli', 'printReference.ts')]);
  return { path: join('docs', 'reference', 'sumctl.md'), text: stdout };
}
