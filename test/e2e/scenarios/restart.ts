import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findMachineHolder } from '#lab/cluster/machine.ts';
import { findProcesses } from '#lab/process/processes.ts';
import type { Fixture } from '#test/e2e/fixture.ts';
import { readMachineState } from '#test/e2e/machineState.ts';
import { readTotals } from '#test/e2e/pipelines.ts';
import { npmStart, type Start, untilUp } from '#test/e2e/system.ts';

/**
 * Tests the ways to end `npm start`, and the next start. `stateBefore` is the state of the machine before any start.
 */
export function restart(fixture: () => Fixture, stateBefore: () => ReturnType<typeof readMachineState>): void {
  let totals: Awaited<ReturnType<typeof readTotals>>;
  let second: Start;
  let third: Start;

  test('a second npm start waits and names the first; after Ctrl-C it starts with the same totals', async (t) => {
    const { system } = fixture();
    totals = await readTotals(system, 'default');
    const holder = await findMachineHolder();
    second = npmStart({ state: system.state });
    const waiting = `Only one Kubernetes node can run on this machine, and it belongs to npm start (process ${holder?.pid}, since ${holder?.since}). Waiting until that process ends.\n`;
    await second.untilSaid('that it waits', (stderr) => stderr.includes(waiting));
    const interruptedAt = performance.now();
    await interrupted(system.start);
    t.diagnostic(`Ctrl-C to the end: ${((performance.now() - interruptedAt) / 1000).toFixed(1)} s`);
    assert.match(system.start.stderr(), /^Taking everything down\.\n(?:.*\n)*Everything is taken down\.\n$/m);
    const next = await untilUp(second, system.state);
    assert.deepEqual(await readTotals(next, 'default'), totals);
    const verified = await next.sumctl(['verify', '-n', 'default']);
    assert.equal(verified.code, 0, verified.stdout);
  });

  test('after kill -9 of an npm start the next one starts normally; --fresh discards the totals', async () => {
    const { system } = fixture();
    third = npmStart({ state: system.state, args: ['--fresh'] });
    await third.untilSaid('that it waits', (stderr) => stderr.includes('Waiting until that process ends.'));
    const holder = await findMachineHolder();
    assert.ok(holder);
    process.kill(holder.pid, 'SIGKILL');
    assert.equal(await second.exited, 137);
    const next = await untilUp(third, system.state);
    assert.deepEqual(await readTotals(next, 'default'), new Map());
  });

  test('npm run down ends an npm start as its Ctrl-C does', async () => {
    const { system } = fixture();
    const holder = await findMachineHolder();
    const ran = await system.down();
    assert.equal(ran.code, 0, ran.stderr);
    const asking = `Stopping npm start (process ${holder?.pid}, since ${holder?.since}).\n`;
    assert.ok(ran.stderr.startsWith(asking), ran.stderr);
    assert.equal(await third.exited, 0);
    assert.match(third.stderr(), /\nEverything is taken down\.\n$/);
  });

  test('Ctrl-C during a start ends it in order', async () => {
    const { system } = fixture();
    const fourth = npmStart({ state: system.state });
    await fourth.untilSaid('that Kubernetes runs', (stderr) => stderr.includes('ok     Start Kubernetes'));
    const end = await fourth.interrupt();
    assert.ok(end === 130 || end === 'SIGINT', String(end));
    assert.match(fourth.stderr(), /\nEverything is taken down\.\ninterrupted\n$/);
  });

  test('after npm start nothing is left: no mount, device, address, route, rule, control group or process', async () => {
    const { system } = fixture();
    assert.deepEqual(readMachineState(), stateBefore());
    assert.deepEqual(await findProcesses(system.state), []);
    // Only the data for the next start is left.
    assert.equal(existsSync(join(system.state, 'cluster')), false);
    assert.deepEqual((await readdir(join(system.state, 'up', 'data'))).toSorted(), ['kafka', 'postgres']);
  });
}

/**
 * Presses Ctrl-C and checks the exit code. npm start exits with 0. But the key press may also end the shell between
 * npm and npm start, and npm then reports the shell's end.
 */
async function interrupted(start: Start): Promise<void> {
  const end = await start.interrupt();
  assert.ok(end === 0 || end === 'SIGINT', String(end));
}
