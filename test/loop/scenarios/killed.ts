import { childName } from '#contract/names.ts';
import { windows } from '#lab/up/scaledSpec.ts';
import { type Run, rates, type Scenario, untilPassed, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';
import { checkGenerations, lastOf, playStep } from './step.ts';

/**
 * How long a killed program stays away, in seconds: longer than the scale-down window, so that a wrong decision would
 * show.
 */
const holdSeconds = windows.scaleDownSeconds + 20;
const steadyTimeoutSeconds = 420;
/** How long to wait before the next program is killed, in seconds: two evaluations of the rules. */
const steadySeconds = 30;
/**
 * A rate that needs two aggregators at the measured capacity. With a single aggregator a wrong release could not
 * happen.
 */
const middle = 5 * rates.low;

export const killed: Scenario = {
  name: 'killed',
  purpose: 'each source of the number killed, while the load goes to 0 and then x5',
  partitions: 12,
  async play(run) {
    const { load } = run;
    const { prometheus, metricsServer } = run.lab;
    load.setRate(rates.low);
    await untilSteady(run, 20, steadyTimeoutSeconds);
    await playStep(run, { name: 'to the middle', rate: middle });
    await holdWithout(run, {
      what: 'calculators',
      kill: () => scaleCalculators(run, 0),
      restore: () => scaleCalculators(run, 1),
    });
    await holdWithout(run, { what: 'Prometheus', kill: () => prometheus.kill(), restore: () => prometheus.start() });
    await holdWithout(run, {
      what: metricsServer.name,
      kill: () => metricsServer.kill(),
      restore: () => metricsServer.start(),
    });
  },
};

interface Source {
  readonly what: string;
  kill(): Promise<void>;
  restore(): Promise<void>;
}

/** Kills one program, sets the load to 0 and then to five times its old rate, and checks that the replicas stay. */
async function holdWithout(run: Run, { what, kill, restore }: Source): Promise<void> {
  const { recorder, load, check } = run;
  const held = lastOf(run).replicas;
  const from = recorder.now();
  recorder.mark(`${what} killed, load to 0`);
  await kill();
  load.setRate(0);
  await untilPassed(run, holdSeconds);
  recorder.mark('load x5');
  load.setRate(middle * 5);
  await untilPassed(run, holdSeconds);
  const to = recorder.now();
  const changes = changesOf(recorder.record, 'replicas', { from, to });
  check(
    `without ${what} the replicas stay`,
    changes.length === 0,
    `${held} for ${Math.round(to - from)} s, ${changes.length} changes`,
  );
  recorder.mark(`${what} back`);
  await restore();
  load.setRate(middle);
  await untilSteady(run, steadySeconds, steadyTimeoutSeconds);
  checkGenerations(run, { from, to: recorder.now() });
}

async function scaleCalculators({ lab, pipeline }: Run, replicas: number): Promise<void> {
  const { namespace } = pipeline.ref;
  await pipeline.patch({ calculator: { replicas } });
  const pods = `deployment/${childName.workload(pipeline.ref, 'calculator')}`;
  if (replicas > 0) await lab.kubectl.run(['-n', namespace, 'rollout', 'status', pods, '--timeout=120s']);
}
