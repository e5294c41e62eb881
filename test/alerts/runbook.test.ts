import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { commandsOf, fillIn, openDesk, tryRunbook } from './runbook.ts';

const page = `# A
## What it means
\`\`\`console
$ not this one
\`\`\`
## Find the cause
\`\`\`console
$ echo NAME in NAMESPACE
NAME in NAMESPACE
$ true
$ echo kept > file.txt
$ no-such-program
\`\`\`
## Fix it
\`\`\`console
$ nor this one
\`\`\``;

test('the commands are those of the section "Find the cause"', () => {
  assert.deepEqual(commandsOf(page), ['echo NAME in NAMESPACE', 'true', 'echo kept > file.txt', 'no-such-program']);
});

test('words in capitals are replaced, whole words only', () => {
  const words = { NAME: 'orders', NAMESPACE: 'shop', URI: 'x', 'BROKER:PORT': 'kafka:9092' };
  assert.equal(
    fillIn('a -n NAMESPACE NAME-topic "$URI" BROKER:PORT RENAME', words),
    'a -n shop orders-topic "$URI" kafka:9092 RENAME',
  );
});

test('a command that shows nothing is a problem', async () => {
  await using folder = await createTemporaryFolder();
  const desk = await openDesk({
    root: join(import.meta.dirname, '..', '..'),
    dir: folder.path,
    kubectlPath: '/nowhere/kubectl',
    kubeconfig: '/nowhere/config',
    storeUri: 'postgres://unused',
    storeCaPem: '',
    words: { NAME: 'orders', NAMESPACE: 'shop' },
  });
  assert.deepEqual(await tryRunbook(page, desk, () => false), [
    { command: 'echo NAME in NAMESPACE', problem: undefined },
    { command: 'true', problem: 'shows nothing (exit code 0)' },
    { command: 'echo kept > file.txt', problem: undefined },
    {
      command: 'no-such-program',
      problem: 'shows nothing (exit code 127) bash: line 1: no-such-program: command not found',
    },
  ]);
});
