import type { Scenario } from '#test/loop/scenario.ts';
import { burst } from './burst.ts';
import { grown } from './grown.ts';
import { halted } from './halted.ts';
import { killed } from './killed.ts';
import { panels } from './panels.ts';
import { podKilled } from './podKilled.ts';
import { rollout } from './rollout.ts';
import { short } from './short.ts';
import { slice } from './slice.ts';
import { step } from './step.ts';
import { zero } from './zero.ts';

/** The scenarios in the order in which `npm run loop` runs them. */
export const scenarios: readonly Scenario[] = [step, killed, podKilled, burst, zero, grown, rollout, halted];

/** Scenarios that run only if `--only` names them. */
export const others: readonly Scenario[] = [short, panels, slice];
