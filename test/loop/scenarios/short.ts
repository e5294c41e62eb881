import { rates, type Scenario, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';
import { checkGenerations, lastOf } from './step.ts';

const timeoutSeconds = 420;
const changesMax = 2;

/**
 * The first part of the scenario "slice". The load rises while the windows of the rules still fill, and falls as soon
 * as the lag is gone. The scenario "step" also waits, to show that nothing else happens.
 */
export const short: Scenario = {
  name: 'short',
  purpose: 'ten times the load and back, without waiting between',
  partitions: 12,
  async play(run) {
    const { load, recorder, check } = run;
    load.setRate(rates.low);
    await recorder.until('the rules to see the load', timeoutSeconds, ({ incoming }) => (incoming ?? 0) > 0);
    const before = lastOf(run).replicas;
    const from = recorder.now();
    recorder.mark(`${rates.high}/s`);
    load.setRate(rates.high);
    await recorder.until('aggregators to be added', timeoutSeconds, ({ replicas }) => (replicas ?? 0) > before);
    await untilSteady(run, 5, timeoutSeconds);
    const turn = recorder.now();
    const top = lastOf(run).replicas;
    recorder.mark(`${rates.low}/s`);
    load.setRate(rates.low);
    await recorder.until(
      'the added aggregators to be released',
      timeoutSeconds,
      (point) => point.replicas === before && point.ready === before,
    );
    const to = recorder.now();
    for (const [name, period] of [
      ['up', { from, to: turn }],
      ['down', { from: turn, to }],
    ] as const) {
      const changes = changesOf(recorder.record, 'replicas', period);
      const seen = changes.map((one) => `${one.from} -> ${one.to} at ${Math.round(one.at - period.from)} s`).join(', ');
      check(`${name}: one or two changes of the replicas`, changes.length > 0 && changes.length <= changesMax, seen);
    }
    check('more aggregators count the high load', top > before, `${before} -> ${top}`);
    checkGenerations(run, { from, to });
  },
};
