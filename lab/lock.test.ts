import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { acquireLock, findLockHolder, type LockHolder } from './lock.ts';

const uniqueName = (name: string) => `test/${process.pid}/${name}`;

/** Starts a process that takes the lock, prints that, and runs until it is killed. */
async function startHolder(name: string): Promise<ChildProcess> {
  const script = `
    import { acquireLock } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
    await acquireLock({ name: ${JSON.stringify(name)}, what: 'the other run' });
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  return child;
}

test('a second caller learns who holds the lock, waits, and gets it when the holder is killed with kill -9', async () => {
  const name = uniqueName('kill');
  const child = await startHolder(name);
  const named = Promise.withResolvers<LockHolder | undefined>();
  const second = acquireLock({ name, what: 'the second run', onWait: named.resolve });
  const holder = await named.promise;
  assert.equal(holder?.pid, child.pid);
  assert.equal(holder?.what, 'the other run');
  assert.ok(Math.abs(Date.now() - Date.parse(holder?.since ?? '')) < 60_000);
  assert.equal(child.exitCode, null, 'waiting must not stop the holder');

  child.kill('SIGKILL');
  const lock = await second;
  assert.equal((await findLockHolder(name))?.what, 'the second run');
  await lock.release();
  assert.equal(await findLockHolder(name), undefined);
});

test('a release gives the lock to exactly one of many waiters', async () => {
  const name = uniqueName('many');
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      await using _lock = await acquireLock({ name, what: 'one of many' });
      inside++;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
    }),
  );
  assert.equal(most, 1);
});

test('an aborted wait throws the reason of its signal, and the holder keeps the lock', async () => {
  const name = uniqueName('abort');
  await using _held = await acquireLock({ name, what: 'the first' });
  const stop = new AbortController();
  const waiting = acquireLock({
    name,
    what: 'the second',
    signal: stop.signal,
    onWait: () => stop.abort(new Error('enough')),
  });
  await assert.rejects(waiting, /enough/);
  assert.equal((await findLockHolder(name))?.what, 'the first');
});

test('a lock that is held does not keep the process alive', async () => {
  const script = `
    import { acquireLock } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
    await acquireLock({ name: ${JSON.stringify(uniqueName('alive'))}, what: 'a short run' });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
