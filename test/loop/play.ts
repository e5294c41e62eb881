import { startLoad } from '#lab/load/directLoad.ts';
import { verify } from '#lab/load/verify.ts';
import type { Lab } from './lab.ts';
import { startPipeline } from './pipeline.ts';
import { startRecorder } from './recorder.ts';
import type { Run, Scenario } from './scenario.ts';
import type { LoopRecord, StepLatencies } from './timeline.ts';

interface Check {
  readonly promise: string;
  readonly holds: boolean;
  readonly seen: string;
}

export interface Played {
  readonly scenario: Scenario;
  readonly checks: readonly Check[];
  readonly times: readonly { readonly step: string; readonly latencies: StepLatencies }[];
  readonly record: LoopRecord;
}

/** Runs a scenario against its own pipeline, and compares the totals at the end. */
export async function play(lab: Lab, scenario: Scenario): Promise<Played> {
  const namespace = `loop-${scenario.name}`;
  await using pipeline = await startPipeline(lab, {
    namespace,
    partitions: scenario.partitions,
    ...(scenario.max === undefined ? {} : { max: scenario.max }),
    ...(scenario.utilisation === undefined ? {} : { utilisation: scenario.utilisation }),
  });
  await using load = await startLoad(lab.parts, pipeline);
  await using recorder = startRecorder(lab, pipeline, () => load.rate);
  const checks: Check[] = [];
  const times: { step: string; latencies: StepLatencies }[] = [];
  const run: Run = {
    lab,
    pipeline,
    load,
    recorder,
    check(promise, holds, seen) {
      checks.push({ promise, holds, seen });
      lab.progress.note(`${holds ? 'holds' : 'BROKEN'}: ${promise} (${seen})`);
    },
    time(step, latencies) {
      times.push({ step, latencies });
    },
  };
  try {
    await scenario.play(run);
    const journal = await load.finish();
    if (scenario.isHalting !== true) {
      const { isExact, text } = await verify(pipeline, journal);
      run.check('every acknowledged addition is counted once, and the proof is exact', isExact, text);
    }
  } catch (error) {
    lab.signal.throwIfAborted();
    // Draw the plot in any case: the points so far explain the failure.
    run.check('the scenario ran to its end', false, error instanceof Error ? error.message : String(error));
  }
  return { scenario, checks, times, record: recorder.record };
}
