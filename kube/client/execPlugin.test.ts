import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '#kube/testing/fakeClock.ts';
import { waitFor } from '#lab/process/wait.ts';
import { resolveAccess } from './access.ts';
import { kubeconfigCredentials } from './credentials.ts';
import { createExecPlugin } from './execPlugin.ts';
import { parseKubeconfigFile } from './kubeconfigFile.ts';

const apiVersion = 'client.authentication.k8s.io/v1';

/**
 * Creates a plugin that counts its runs in a file and prints `status`. In `status`, %s becomes the number of the run.
 */
function createPlugin(status: object) {
  const credential = JSON.stringify({ apiVersion, kind: 'ExecCredential', status });
  return createScript(`#!/bin/sh\nprintf x >> runs\nsleep 0.1\nprintf '${credential}' "$(wc -c < runs)"\n`);
}

/**
 * Creates a plugin that writes its process id into `runs` and then hangs. If `isStubborn`, the plugin ignores SIGTERM.
 */
function createHanging(isStubborn: boolean) {
  const ignore = isStubborn ? "process.on('SIGTERM', () => {});" : '';
  const hang = "require('node:fs').writeFileSync('runs', String(process.pid)); setInterval(() => {}, 1000);";
  return createScript(`#!${process.execPath}\n${ignore}\n${hang}\n`);
}

function buildConfig(exec: object): object {
  return {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user: { exec } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}

async function createScript(script: string) {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  await writeFile(join(folder, 'plugin'), script.replaceAll('runs', join(folder, 'runs')));
  await chmod(join(folder, 'plugin'), 0o755);
  const config = buildConfig({ command: './plugin', apiVersion, interactiveMode: 'Never' });
  const file = parseKubeconfigFile(JSON.stringify(config), join(folder, 'config'));
  const access = resolveAccess({ ...file, files: [], missing: [] }, { env: {} });
  assert.ok(access.user.exec);
  const clock = new FakeClock();
  const env = { PATH: process.env['PATH'] };
  const plugin = createExecPlugin({ exec: access.user.exec, access, ca: '', env, clock, timeoutMs: 30_000 });
  return {
    get: async (isRefused = false) => (await plugin.get(isRefused)).token,
    close: () => plugin.close(),
    clock,
    setTime: (text: string) => (clock.wallOffsetMs = Date.parse(text)),
    runs: async () => (await readFile(join(folder, 'runs'), 'utf8')).length,
    /** Waits until the plugin hangs, and returns its process id. */
    pid: () =>
      eventually(async () => Number(await readFile(join(folder, 'runs'), 'utf8').catch(() => '')) || undefined),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('a credential without expiry is kept until the server refuses it', async () => {
  await using plugin = await createPlugin({ token: 'run%s' });
  assert.deepEqual([await plugin.get(), await plugin.get()], ['run1', 'run1']);
  assert.deepEqual([await plugin.get(true), await plugin.get()], ['run2', 'run2']);
});

test('a credential is kept until it expires', async () => {
  await using plugin = await createPlugin({ token: 'run%s', expirationTimestamp: '2026-01-01T12:00:00Z' });
  plugin.setTime('2026-01-01T11:00:00Z');
  assert.deepEqual([await plugin.get(), await plugin.get()], ['run1', 'run1']);
  plugin.setTime('2026-01-01T12:00:01Z');
  assert.equal(await plugin.get(), 'run2');
});

test('calls at the same time share one run', async () => {
  await using plugin = await createPlugin({ token: 'run%s' });
  assert.deepEqual(await Promise.all([plugin.get(), plugin.get(true), plugin.get()]), ['run1', 'run1', 'run1']);
  assert.equal(await plugin.runs(), 1);
});

test('a plugin that prints too much is stopped', async () => {
  const print = "process.on('SIGTERM', () => {}); setInterval(() => process.stdout.write('x'.repeat(100_000)), 1);";
  const ignore = "process.stdout.on('error', () => {});";
  const note = "require('node:fs').writeFileSync('runs', String(process.pid));";
  await using plugin = await createScript(`#!${process.execPath}\n${note}\n${ignore}\n${print}\n`);
  await assert.rejects(plugin.get(), /printed more than 1048576 bytes and was stopped$/);
  const pid = await plugin.pid();
  assert.ok(isRunning(pid));
  await plugin.clock.advance(2_000);
  await eventually(async () => !isRunning(pid) || undefined);
});

test('a plugin that hangs is stopped at its time limit, by SIGKILL if it ignores SIGTERM, and then run again', async () => {
  for (const isStubborn of [false, true]) {
    await using plugin = await createHanging(isStubborn);
    const got = assert.rejects(plugin.get(), /did not end within 30000 ms and was stopped$/);
    const pid = await plugin.pid();
    await plugin.clock.advance(29_999);
    assert.ok(isRunning(pid));
    await plugin.clock.advance(1);
    await got;
    if (isStubborn) await plugin.clock.advance(2_000);
    await eventually(async () => !isRunning(pid) || undefined);
    assert.equal(plugin.clock.pending, 0);
    const again = assert.rejects(plugin.get(), /was stopped$/);
    const other = await eventually(async () => ((await plugin.pid()) === pid ? undefined : await plugin.pid()));
    plugin.close();
    await again;
    if (isStubborn) await plugin.clock.advance(2_000);
    await eventually(async () => !isRunning(other) || undefined);
  }
});

test('kubeconfigCredentials takes the time limit of a plugin', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  try {
    const file = join(folder, 'config');
    // The plugin ends by itself, so that a failing test ends too.
    const exec = { command: 'sleep', args: ['5'], apiVersion, interactiveMode: 'Never' };
    await writeFile(file, JSON.stringify(buildConfig(exec)));
    const env = { PATH: process.env['PATH'] };
    const credentials = kubeconfigCredentials({ file, env, pluginTimeoutMs: 50 });
    await assert.rejects(credentials.load(), /did not end within 50 ms/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a plugin that hangs ends with the process that waits for it', async () => {
  await using plugin = await createHanging(false);
  const listeners = process.listeners('exit');
  const got = assert.rejects(plugin.get(), /ended with SIGTERM$/);
  const pid = await plugin.pid();
  for (const listener of process.listeners('exit')) if (!listeners.includes(listener)) listener(0);
  await got;
  assert.equal(isRunning(pid), false);
  assert.deepEqual(process.listeners('exit'), listeners);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  return waitFor({ what: 'the plugin', timeoutMs: 20_000 }, ask);
}
