import { windows } from '#lab/up/scaledSpec.ts';
import { drainedLag, type Run, rates, type Scenario, settleSeconds, untilSteady } from '#test/loop/scenario.ts';
import { changesOf, joinsAndLeaves, latenciesOf } from '#test/loop/timeline.ts';

/** Maximum number of replica changes in one step of the load. */
const changesMax = 2;
const stepTimeoutSeconds = 360;
/** Maximum delay of a time in the record, in seconds: scrapes come every 15 s, and rules are evaluated every 15 s. */
const sightSeconds = 30;

export const step: Scenario = {
  name: 'step',
  purpose: 'ten times the load, and back',
  partitions: 12,
  async play(run) {
    const { load, recorder } = run;
    load.setRate(rates.low);
    await untilSteady(run, 20, stepTimeoutSeconds);
    const startedAt = recorder.now();
    const before = lastOf(run);
    await playStep(run, { name: 'up', rate: rates.high });
    const top = lastOf(run);
    run.check('a step up adds aggregators', top.replicas > before.replicas, `${before.replicas} -> ${top.replicas}`);
    await playStep(run, { name: 'down', rate: rates.low });
    const after = lastOf(run);
    run.check(
      'after the step down the added aggregators are released',
      after.replicas === before.replicas,
      `${top.replicas} -> ${after.replicas}`,
    );
    checkGenerations(run, { from: startedAt, to: recorder.now() });
  },
};

/**
 * Plays one step of the load. Checks at most two changes of the replicas, and no lag soon after the last pod is
 * Ready.
 */
export async function playStep(run: Run, { name, rate }: { name: string; rate: number }): Promise<void> {
  const { load, recorder } = run;
  const from = recorder.now();
  const old = lastOf(run).replicas;
  recorder.mark(`${load.rate}/s -> ${rate}/s`);
  load.setRate(rate);
  await recorder.until(
    'the replicas to change',
    stepTimeoutSeconds,
    ({ replicas }) => replicas !== undefined && replicas !== old,
  );
  await untilSteady(run, settleSeconds, stepTimeoutSeconds + settleSeconds);
  const to = recorder.now();
  const changes = changesOf(recorder.record, 'replicas', { from, to });
  const seen = changes
    .map((change) => `${change.from} -> ${change.to} at ${Math.round(change.at - from)} s`)
    .join(', ');
  run.check(`step ${name}: at most ${changesMax} changes of the replicas`, changes.length <= changesMax, seen);
  const early = changes.filter((change) => change.to < change.from && lagAt(run, change.at) > releaseLag(rate));
  run.check(`step ${name}: no aggregator is released while lag remains`, early.length === 0, seen);
  const latencies = latenciesOf(recorder.record, { from, to, drainedLag: drainedLag(rate) });
  run.time(`${name} ${old} -> ${lastOf(run).replicas}`, latencies);
  const bound = windows.drainSeconds + sightSeconds;
  run.check(
    `step ${name}: the lag is gone within drainSeconds after the last aggregator is Ready`,
    latencies.drained !== undefined && latencies.drained <= bound,
    `${latencies.drained === undefined ? 'never' : `${Math.round(latencies.drained)} s`}, at most ${windows.drainSeconds} s and ${sightSeconds} s to see it`,
  );
}

/** Checks the number of rebalances in a period. Checks nothing if no replica was added or released. */
export function checkGenerations({ recorder, check }: Run, period: { from: number; to: number }): void {
  const moves = joinsAndLeaves(changesOf(recorder.record, 'replicas', period));
  if (moves === 0) return;
  const changes = changesOf(recorder.record, 'generation', period);
  const [first, last] = [changes[0]?.from, changes.at(-1)?.to];
  // If a value is missing, the promise cannot be checked, and counts as broken.
  const generations = first === undefined || last === undefined ? undefined : last - first;
  check(
    'at most one generation of the group for each join and leave',
    generations !== undefined && generations <= moves,
    `${generations ?? 'unknown'} generations, ${moves} joins and leaves`,
  );
}

/**
 * Returns the lag that counts as work in progress: one full batch and the records of ten seconds. The rules use the
 * same number.
 */
function releaseLag(rate: number): number {
  return 1_000 + 10 * rate;
}

function lagAt({ recorder }: Run, at: number): number {
  return recorder.record.points.findLast((point) => point.at <= at && point.lag !== undefined)?.lag ?? 0;
}

export function lastOf({ recorder }: Run): { replicas: number } {
  return { replicas: recorder.record.points.at(-1)?.replicas ?? 0 };
}
