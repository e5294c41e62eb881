import type { Load } from '#lab/load/directLoad.ts';
import { type AggregatorsMax, windows } from '#lab/up/scaledSpec.ts';
import type { Lab } from './lab.ts';
import type { LoopPipeline } from './pipeline.ts';
import type { Recorder } from './recorder.ts';
import type { Point, StepLatencies } from './timeline.ts';

export interface Scenario {
  /** Name of the scenario in the namespace, the plot and `--only`. */
  readonly name: string;
  /** What the scenario shows: the title of its plot. */
  readonly purpose: string;
  readonly partitions: number;
  /** Maximum number of aggregators. Default: `aggregatorsMax` of lab/up/scaledSpec.ts. */
  readonly max?: AggregatorsMax;
  /** Target utilisation of an aggregator under steady load, in percent. Default: that of lab/up/scaledSpec.ts. */
  readonly utilisation?: number;
  /**
   * If true, the scenario halts a partition. The total cannot become exact, so the scenario checks the proof itself.
   */
  readonly isHalting?: boolean;
  play(run: Run): Promise<void>;
}

/** The objects that a scenario works with. */
export interface Run {
  readonly lab: Lab;
  readonly pipeline: LoopPipeline;
  readonly load: Load;
  readonly recorder: Recorder;
  /** Records whether a promise held. After a broken promise a scenario continues, and fails at its end. */
  check(promise: string, holds: boolean, seen: string): void;
  /** Records how long each stage of a step took. */
  time(step: string, latencies: StepLatencies): void;
}

/**
 * Rates of the load, in additions per second. A single aggregator with its processor time counts several times the
 * low rate. The high rate needs several aggregators.
 */
export const rates = { low: 400, high: 4_000 } as const;

/** Returns the lag below which a log counts as drained: the records of about one second are always in progress. */
export function drainedLag(offered: number): number {
  return Math.max(100, offered * 1.5);
}

export function isDrained({ ownLag, offered }: Point): boolean {
  return ownLag !== undefined && ownLag <= drainedLag(offered);
}

/** Returns whether the number of pods is the desired one, all pods are Ready, and there is no lag. */
function isSteady(point: Point): boolean {
  const { desired, replicas, ready } = point;
  return desired !== undefined && desired === replicas && ready === replicas && isDrained(point);
}

/** Waits until every point of the last `seconds` was steady. */
export async function untilSteady(run: Run, seconds: number, timeoutSeconds: number): Promise<void> {
  let since: number | undefined;
  await run.recorder.until(`${seconds} s without change`, timeoutSeconds, (point) => {
    since = isSteady(point) ? (since ?? point.at) : undefined;
    return since !== undefined && point.at - since >= seconds;
  });
}

/** Lets the load continue for some seconds. It waits only for the time to pass, because nothing else should happen. */
export async function untilPassed({ recorder }: Run, seconds: number): Promise<void> {
  const until = recorder.now() + seconds;
  await recorder.until(`${seconds} s to pass`, seconds + 30, ({ at }) => at >= until);
}

/** How long to wait for a wrong second change of the replicas, in seconds: longer than the scale-down window. */
export const settleSeconds = windows.scaleDownSeconds + 30;
