import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSumctl } from './testing/context.ts';

test('every verb has a summary, examples and the exit codes in its help', async () => {
  const { stdout: overview } = await runSumctl(['--help']);
  const verbs = [...overview.matchAll(/^ {2}([a-z]+) \[/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
  assert.deepEqual(verbs, ['add', 'total', 'status', 'verify', 'validate', 'render']);
  for (const verb of verbs) {
    const ran = await runSumctl([verb, '--help']);
    assert.equal(ran.exitCode, 0);
    assert.match(ran.stdout, /^Examples:$/m, verb);
    assert.match(ran.stdout, /^Exit codes:$/m, verb);
    assert.ok(
      ran.stdout.split('\n').every((line) => line.length <= 130),
      `${verb} has lines that no terminal shows whole`,
    );
  }
});

test('for a misspelt verb the likely verb is suggested', async () => {
  const ran = await runSumctl(['totl']);
  assert.equal(ran.exitCode, 2);
  assert.match(ran.stderr, /unknown command 'totl'[\s\S]*total/);
});

test('help for an unknown verb says so and lists the verbs', async () => {
  const ran = await runSumctl(['help', 'nope']);
  assert.equal(ran.exitCode, 2);
  assert.equal(ran.stdout, '');
  assert.equal(
    ran.stderr,
    'error: there is no verb "nope"\nThe verbs are add, total, status, verify, validate, render.\n',
  );
});

test('help with a verb prints the same as --help of the verb, and help alone prints the overview', async () => {
  assert.deepEqual(await runSumctl(['help', 'add']), await runSumctl(['add', '--help']));
  assert.deepEqual(await runSumctl(['help']), await runSumctl(['--help']));
});

test('--version prints the version alone', async () => {
  assert.deepEqual(await runSumctl(['--version']), { exitCode: 0, stdout: '0.0.0-test\n', stderr: '' });
});
