import type { Load } from '#lab/load/recordLoad.ts';
import { type AggregatorsMax, windows } from '#lab/up/scaledSpec.ts';
import type { Lab } from './lab.ts';
import type { LoopPipeline } from './pipeline.ts';
import type { Point, StepLatencies } from './record.ts';
import type { Recorder } from './recorder.ts';

export interface Scenario {
  /** Of the namespace, the plot and `--only`. */
  readonly name: string;
  /** What it shows, as the title of its plot. */
  readonly purpose: string;
  readonly partitions: number;
  /** Most aggregators; default that of the loop. */
  readonly max?: AggregatorsMax;
  /** Share of an aggregator that steady load may use, in percent; default that of the loop. */
  readonly utilisation?: number;
  /** True: it halts a partition, so the total cannot become exact and the scenario checks the proof itself. Default false. */
  readonly isHalting?: boolean;
  play(run: Run): Promise<void>;
}

/** What a scenario works with. */
export interface Run {
  readonly lab: Lab;
  readonly pipeline: LoopPipeline;
  readonly load: Load;
  readonly recorder: Recorder;
  /** Notes whether a promise held; a scenario goes on after one that did not, and fails at its end. */
  check(promise: string, holds: boolean, seen: string): void;
  /** Notes how long each stage of a step took. */
  time(step: string, latencies: StepLatencies): void;
}

/**
 * Additions per second. One aggregator with its processor time counts several times the low rate, and several together
 * the high one.
 */
export const rates = { low: 400, high: 4_000 } as const;

/** The log of one second is under way at any time: less than that is no lag. */
export function drainedLag(offered: number): number {
  return Math.max(100, offered * 1.5);
}

export function isDrained({ ownLag, offered }: Point): boolean {
  return ownLag !== undefined && ownLag <= drainedLag(offered);
}

/** As many pods as wanted, all Ready, and nothing left to count. */
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

/** The load goes on for this long; nothing is waited for but time, because nothing is what should happen. */
export async function untilPassed({ recorder }: Run, seconds: number): Promise<void> {
  const until = recorder.now() + seconds;
  await recorder.until(`${seconds} s to pass`, seconds + 30, ({ at }) => at >= until);
}

/** Long enough that a second change, up or down, would have come. */
export const settleSeconds = windows.scaleDownSeconds + 30;
