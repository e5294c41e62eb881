import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resolveAccess } from './access.ts';
import { createExecPlugin } from './execPlugin.ts';
import { parseKubeconfigFile } from './kubeconfigFile.ts';

const apiVersion = 'client.authentication.k8s.io/v1';

/** A plugin that counts its runs in a file, and prints `status` with %s for the number of the run. */
async function createPlugin(status: object) {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  const credential = JSON.stringify({ apiVersion, kind: 'ExecCredential', status });
  const script = `#!/bin/sh\nprintf x >> runs\nsleep 0.1\nprintf '${credential}' "$(wc -c < runs)"\n`;
  await writeFile(join(folder, 'plugin'), script.replaceAll('runs', join(folder, 'runs')));
  await chmod(join(folder, 'plugin'), 0o755);
  const config = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { exec: { command: './plugin', apiVersion, interactiveMode: 'Never' } } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  const file = parseKubeconfigFile(JSON.stringify(config), join(folder, 'config'));
  const access = resolveAccess({ ...file, missing: [] }, { env: {} });
  assert.ok(access.user.exec);
  let now = 0;
  const env = { PATH: process.env['PATH'] };
  const plugin = createExecPlugin({ exec: access.user.exec, access, ca: '', env, wallMs: () => now });
  return {
    get: async (isRefused = false) => (await plugin.get(isRefused)).token,
    setTime: (text: string) => (now = Date.parse(text)),
    runs: async () => (await readFile(join(folder, 'runs'), 'utf8')).length,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('a credential without an end is kept until the server refuses it', async () => {
  await using plugin = await createPlugin({ token: 'run%s' });
  assert.deepEqual([await plugin.get(), await plugin.get()], ['run1', 'run1']);
  assert.deepEqual([await plugin.get(true), await plugin.get()], ['run2', 'run2']);
});

test('a credential is kept until its end', async () => {
  await using plugin = await createPlugin({ token: 'run%s', expirationTimestamp: '2026-01-01T12:00:00Z' });
  plugin.setTime('2026-01-01T11:00:00Z');
  assert.deepEqual([await plugin.get(), await plugin.get()], ['run1', 'run1']);
  plugin.setTime('2026-01-01T12:00:01Z');
  assert.equal(await plugin.get(), 'run2');
});

test('who asks at the same time shares one run', async () => {
  await using plugin = await createPlugin({ token: 'run%s' });
  assert.deepEqual(await Promise.all([plugin.get(), plugin.get(true), plugin.get()]), ['run1', 'run1', 'run1']);
  assert.equal(await plugin.runs(), 1);
});

test('a plugin that prints without end is stopped', async () => {
  await using plugin = await createPlugin({ token: 'x'.repeat(1024 * 1024) });
  await assert.rejects(plugin.get(), /ended with SIGTERM|not JSON/);
});
