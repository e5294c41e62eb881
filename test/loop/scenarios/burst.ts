import { isDrained, rates, type Scenario, settleSeconds, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';
import { lastOf } from './step.ts';

/** Length of the burst in seconds: shorter than any window, so it ends before pods could be added. */
const burstSeconds = 15;
const timeoutSeconds = 420;

export const burst: Scenario = {
  name: 'burst',
  purpose: `ten times the load for ${burstSeconds} s`,
  partitions: 12,
  async play(run) {
    const { load, recorder, check } = run;
    load.setRate(rates.low);
    await untilSteady(run, 20, timeoutSeconds);
    const before = lastOf(run).replicas;
    const from = recorder.now();
    recorder.mark('burst');
    load.setRate(rates.high);
    await recorder.until('the burst to be over', burstSeconds + 30, ({ at }) => at >= from + burstSeconds);
    load.setRate(rates.low);
    recorder.mark('over');
    const drained = await recorder.until(
      'the lag to be counted',
      timeoutSeconds,
      (point) => point.at > from + burstSeconds + 20 && isDrained(point),
    );
    await untilSteady(run, settleSeconds, timeoutSeconds);
    const changes = changesOf(recorder.record, 'replicas', { from, to: recorder.now() });
    const seen = `${changes.map((one) => `${one.from} -> ${one.to}`).join(', ') || 'none'}; lag counted after ${Math.round(drained.at - from)} s`;
    check(
      'a burst makes at most two changes, and they are reversed',
      changes.length <= 2 && lastOf(run).replicas === before,
      seen,
    );
  },
};
