import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildGoModule } from '#lab/cluster/binaries.ts';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

const folder = join(import.meta.dirname, '..', '.github', 'workflows');

/** Runs actionlint and returns its output. Empty if it finds nothing. */
async function lint(...files: string[]): Promise<string> {
  const program = join(await buildGoModule('actionlint', { progress: createProgress() }), 'actionlint');
  return await new Promise((resolve) => {
    execFile(program, ['-no-color', ...files], (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}

test('actionlint finds no problem in the workflows', async () => {
  const files = await readdir(folder);
  assert(files.length > 0);
  assert.equal(await lint(...files.map((file) => join(folder, file))), '');
});

test('actionlint refuses a workflow with a mistake', async () => {
  await using copy = await createTemporaryFolder();
  const text = await readFile(join(folder, 'ci.yaml'), 'utf8');
  const path = join(copy.path, 'ci.yaml');
  await writeFile(path, text.replace('needs: [lint, kind]', 'needs: [lint, kinds]'));
  assert.match(await lint(path), /"kinds"/);
});
