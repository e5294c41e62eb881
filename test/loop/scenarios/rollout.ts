import { childName } from '#contract/names.ts';
import { rates, type Scenario, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';
import { lastOf } from './step.ts';

const timeoutSeconds = 420;

export const rollout: Scenario = {
  name: 'rollout',
  purpose: 'a rolling restart of all aggregators under the high load',
  partitions: 12,
  async play(run) {
    const { lab, pipeline, load, recorder, check } = run;
    load.setRate(rates.high);
    await recorder.until('aggregators to be added', timeoutSeconds, ({ replicas }) => (replicas ?? 0) > 1);
    await untilSteady(run, 30, timeoutSeconds);
    const { replicas } = lastOf(run);
    const from = recorder.now();
    recorder.mark('rollout restart');
    const deployment = `deployment/${childName.workload(pipeline.ref, 'aggregator')}`;
    const inNamespace = ['-n', pipeline.ref.namespace];
    await lab.kubectl.run([...inNamespace, 'rollout', 'restart', deployment]);
    await lab.kubectl.run([...inNamespace, 'rollout', 'status', deployment, `--timeout=${timeoutSeconds}s`]);
    recorder.mark('rolled');
    const to = recorder.now();
    const changes = changesOf(recorder.record, 'replicas', { from, to });
    const seen = `${replicas} for ${Math.round(to - from)} s; ${changes.map((one) => `${one.from} -> ${one.to}`).join(', ') || 'no change'}`;
    check('spec.replicas stays while the pods roll', changes.length === 0, seen);
    await untilSteady(run, 20, timeoutSeconds);
  },
};
