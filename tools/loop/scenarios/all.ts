import type { Scenario } from '#tools/loop/scenario.ts';
import { step } from './step.ts';

/** In the order in which the loop plays them. */
export const scenarios: readonly Scenario[] = [step];
