import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { describeExit, spawnChild } from './child.ts';
import { waitFor } from './wait.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('the log file has what a child prints on both streams, and its exit is reported', async () => {
  await using folder = await createTemporaryFolder();
  const logFile = join(folder.path, 'child.log');
  const child = await spawnChild({ command: 'sh', args: ['-c', 'echo out; echo err >&2; exit 7'], logFile });
  const exit = await child.exited;
  assert.deepEqual(exit, { code: 7, signal: null });
  assert.equal(describeExit(exit), 'exit code 7');
  assert.equal(await readFile(logFile, 'utf8'), 'out\nerr\n');
});

test('a child that is killed ends by that signal', async () => {
  await using folder = await createTemporaryFolder();
  const child = await spawnChild({ command: 'sleep', args: ['60'], logFile: join(folder.path, 'child.log') });
  child.signal('SIGKILL');
  const exit = await child.exited;
  assert.equal(describeExit(exit), 'signal SIGKILL');
  // A signal after the end is no error.
  child.signal('SIGTERM');
});

test('a program that does not exist is reported in the log file and ends the child', async () => {
  await using folder = await createTemporaryFolder();
  const logFile = join(folder.path, 'child.log');
  const child = await spawnChild({ command: '/no/such/program', args: [], logFile });
  assert.equal((await child.exited).code, 127);
  assert.match(await readFile(logFile, 'utf8'), /\/no\/such\/program/);
});

test('a child can run as another user', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  await using folder = await createTemporaryFolder();
  const logFile = join(folder.path, 'child.log');
  const child = await spawnChild({ command: 'id', args: ['-u'], logFile, user: { uid: 65534, gid: 65534 } });
  await child.exited;
  assert.equal(await readFile(logFile, 'utf8'), '65534\n');
});

test('a child does not outlive a parent that is killed with kill -9', async () => {
  await using folder = await createTemporaryFolder();
  const program = `
    import { spawnChild } from '#lab/process/child.ts';
    const child = await spawnChild({ command: 'sleep', args: ['60'], logFile: '${join(folder.path, 'child.log')}' });
    console.log(child.pid);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(import.meta.dirname, '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(parent.stdout), 'line');
  const pid = Number(line);
  // Wait until the child runs its program: by then the wrapper has asked the kernel for the signal. If the parent
  // dies earlier, the child goes on.
  await waitFor({ what: `process ${pid} to run the requested program`, timeoutMs: 15_000 }, async () =>
    (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('sleep') ? true : undefined,
  );
  parent.kill('SIGKILL');
  await waitFor({ what: `process ${pid} to be gone`, timeoutMs: 5_000 }, async () => (isAlive(pid) ? undefined : true));
});
