import { after, before, describe } from 'node:test';
import { removeNode } from '#lab/cluster/cluster.ts';
import { acquireMachine } from '#lab/cluster/machine.ts';
import { createProgress } from '#lab/progress.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type Fixture, openFixture } from './fixture.ts';
import { readMachineState } from './machineState.ts';
import { counting } from './scenarios/counting.ts';
import { deletion } from './scenarios/deletion.ts';
import { firstLook } from './scenarios/firstLook.ts';
import { mistakes } from './scenarios/mistakes.ts';
import { monitoring } from './scenarios/monitoring.ts';
import { restart } from './scenarios/restart.ts';
import { steady } from './scenarios/steady.ts';
import { strimzi } from './scenarios/strimzi.ts';
import { endAll, npmStart, untilUp } from './system.ts';

/** Tests of the whole system: one `npm start`, then the actions of users and faults, in this order. */

let folder: TemporaryFolder;
let stateBefore: ReturnType<typeof readMachineState>;
let opened: Fixture;
const fixture = () => opened;

before(async () => {
  folder = await createTemporaryFolder();
  // Another process may still use the machine: wait for its end before the state without a cluster is recorded.
  const machine = await acquireMachine({ what: 'the end-to-end test of the system', progress: createProgress() });
  await removeNode(); // an earlier run may have been killed
  stateBefore = readMachineState();
  await machine.release();
  const system = await untilUp(npmStart({ state: folder.path }), folder.path);
  opened = await openFixture(system, folder.path);
});

after(async () => {
  await opened?.[Symbol.asyncDispose]();
  await endAll();
  await folder?.[Symbol.asyncDispose]();
});

describe('the first look of a user', () => firstLook(fixture));
describe('counting', () => counting(fixture));
describe('the operator at rest', () => steady(fixture));
describe('deletion', () => deletion(fixture));
describe('monitoring', () => monitoring(fixture));
describe('mistakes', () => mistakes(fixture));
describe('Strimzi', () => strimzi(fixture));
describe('the ends of npm start', () => restart(fixture, () => stateBefore));
