import { verify } from '#lab/load/verify.ts';
import { rates, type Scenario } from '#test/loop/scenario.ts';
import { panels, playFaults, watchEveryPanel } from './panels.ts';
import { short } from './short.ts';

/** The scenario of `npm test`: one pipeline whose rules fill their windows once. */
export const slice: Scenario = {
  name: 'slice',
  purpose: `${short.purpose}; then ${panels.purpose}`,
  partitions: 12,
  isHalting: true,
  play: (run) =>
    watchEveryPanel(run, async () => {
      await short.play(run);
      const { isExact, text } = await verify(run.pipeline, await run.load.drain());
      run.check('every acknowledged addition is counted once, and the proof is exact', isExact, text);
      run.load.setRate(rates.low);
      await playFaults(run);
    }),
};
