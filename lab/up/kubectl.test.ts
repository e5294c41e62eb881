import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { createKubectl } from './kubectl.ts';

/** Makes a program that prints its arguments. */
async function createEcho() {
  const folder = await createTemporaryFolder({
    kubectl: '#!/bin/sh\necho "KUBECONFIG=$KUBECONFIG"\nfor word in "$@"; do echo "$word"; done\ncat\n',
  });
  await chmod(folder.file('kubectl'), 0o755);
  return folder;
}

test('every call uses the named kubeconfig and context', async () => {
  await using folder = await createEcho();
  const kubectl = createKubectl({
    command: folder.file('kubectl'),
    kubeconfig: '/somewhere/kubeconfig',
    context: 'staging',
    cacheDir: '/somewhere/cache',
  });
  assert.deepEqual((await kubectl.run(['get', 'pods'], { input: 'what is piped in' })).split('\n'), [
    'KUBECONFIG=/somewhere/kubeconfig',
    '--cache-dir',
    '/somewhere/cache',
    '--context',
    'staging',
    'get',
    'pods',
    'what is piped in',
  ]);
});

test('without a kubeconfig and a context kubectl finds its own', async () => {
  await using folder = await createEcho();
  const kubectl = createKubectl({
    command: folder.file('kubectl'),
    kubeconfig: undefined,
    context: undefined,
    cacheDir: '/somewhere/cache',
  });
  const [kubeconfig, ...words] = (await kubectl.run(['version', '--client'])).trimEnd().split('\n');
  assert.equal(kubeconfig, `KUBECONFIG=${process.env['KUBECONFIG'] ?? ''}`);
  assert.deepEqual(words, ['--cache-dir', '/somewhere/cache', 'version', '--client']);
});

test('a missing kubectl is an error that says what to do', async () => {
  const options = { command: '/nowhere/kubectl', kubeconfig: undefined, context: undefined, cacheDir: '/x' };
  await assert.rejects(
    createKubectl(options).run(['version', '--client']),
    /kubectl is not on PATH; install it, or use --cluster local/,
  );
});

test('a failed call contains the error text of kubectl', async () => {
  await using folder = await createTemporaryFolder({ kubectl: '#!/bin/sh\necho "no such context" >&2\nexit 1\n' });
  await chmod(folder.file('kubectl'), 0o755);
  const options = { command: folder.file('kubectl'), kubeconfig: undefined, context: undefined, cacheDir: '/x' };
  await assert.rejects(
    createKubectl(options).run(['get', 'pods', '-A']),
    /kubectl get pods -A failed: no such context/,
  );
});
