import { labelKeys } from '#contract/labels.ts';
import { rates, type Scenario, settleSeconds, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';
import { lastOf } from './step.ts';

const timeoutSeconds = 420;

export const podKilled: Scenario = {
  name: 'pod',
  purpose: 'an aggregator killed while others are added',
  partitions: 12,
  async play(run) {
    const { lab, pipeline, load, recorder, check } = run;
    load.setRate(rates.low);
    await untilSteady(run, 20, timeoutSeconds);
    const before = lastOf(run).replicas;
    const from = recorder.now();
    recorder.mark(`${rates.low}/s -> ${rates.high}/s`);
    load.setRate(rates.high);
    await recorder.until('the replicas to rise', timeoutSeconds, ({ replicas }) => (replicas ?? 0) > before);
    const { namespace, name } = pipeline.ref;
    const selector = `${labelKeys.name}=${name},${labelKeys.component}=aggregator`;
    const where = ['-n', namespace, '-l', selector];
    const pods = await lab.kubectl.run([
      'get',
      'pods',
      ...where,
      '--sort-by=.metadata.creationTimestamp',
      '-o',
      'name',
    ]);
    const [oldest] = pods.trim().split('\n');
    if (oldest === undefined) throw new Error('no aggregator was found to kill');
    recorder.mark('the oldest aggregator killed');
    await lab.kubectl.run(['-n', namespace, 'delete', oldest, '--grace-period=0', '--force', '--wait=false']);
    await untilSteady(run, settleSeconds, timeoutSeconds);
    const changes = changesOf(recorder.record, 'replicas', { from, to: recorder.now() });
    const seen = changes.map((change) => `${change.from} -> ${change.to}`).join(', ');
    check('the death of a pod adds no change: at most two for the step', changes.length <= 2, seen);
  },
};
