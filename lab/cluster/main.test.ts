import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

function runCluster(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const program = join(import.meta.dirname, 'main.ts');
  return spawnSync(process.execPath, ['--no-warnings', program, ...args], { encoding: 'utf8' });
}

for (const [args, message] of [
  [['begin'], /unknown command 'begin'/],
  [['status', 'now'], /too many arguments for 'status'/],
  [['load'], /missing required argument 'archive'/],
  [[], /^Usage: npm run cluster -- /],
] as const) {
  test(`npm run cluster -- ${args.join(' ')} exits with 2 and prints the reason and the usage`, () => {
    const { status, stdout, stderr } = runCluster(...args);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, message);
    assert.match(stderr, /^Usage: npm run cluster -- /m);
  });
}

test('npm run cluster -- help prints every command and exits with 0', () => {
  const { status, stdout } = runCluster('help');
  assert.equal(status, 0);
  for (const command of ['build', 'start', 'status', 'kubeconfig', 'load', 'stop']) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
  }
});
