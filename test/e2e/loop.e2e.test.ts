import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

const program = join(import.meta.dirname, '..', 'loop', 'main.ts');

test('aggregators are added under ten times the load and released, the total stays exact, and every panel changes', async () => {
  await using folder = await createTemporaryFolder();
  const args = ['--no-warnings', program, '--only', 'slice', '--out', join(folder.path, 'plots')];
  const env = { ...process.env, SUMPIPELINE_STATE: join(folder.path, 'state') };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 16 * 1024 * 1024 }).catch(
    (error: Error & { stdout?: string; stderr?: string }) =>
      assert.fail(`the loop failed:\n${error.stderr ?? ''}\n${error.stdout ?? ''}`),
  );
  assert.match(stdout, /every acknowledged addition is counted once/);
  assert.doesNotMatch(stdout, / NO /);
});
