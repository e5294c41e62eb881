import { rates, type Scenario, untilSteady } from '#test/loop/scenario.ts';
import { changesOf } from '#test/loop/timeline.ts';

const timeoutSeconds = 420;
/**
 * Maximum wait for more than six aggregators, in seconds: the rules need a minute of rates, plus the intervals of
 * scrapes, rules and prometheus-adapter.
 */
const capSeconds = 240;

/**
 * Target utilisation of each aggregator, in percent. It is so low that the high rate needs more than six aggregators,
 * for any measured capacity (2,500 to 3,900 per second). More load would leave too little of two cores for twelve
 * pods.
 */
const utilisation = 15;

export const grown: Scenario = {
  name: 'grown',
  purpose: 'the topic grown from 6 to 12 partitions while 6 aggregators are not enough',
  partitions: 6,
  max: 'partitions',
  utilisation,
  async play(run) {
    const { pipeline, load, recorder, check } = run;
    load.setRate(rates.low);
    await untilSteady(run, 20, timeoutSeconds);
    load.setRate(rates.high);
    recorder.mark(`${rates.high}/s`);
    await recorder.until('all 6 partitions to have a pod', timeoutSeconds, ({ ready }) => ready === 6);
    const from = recorder.now();
    recorder.mark('topic grown to 12');
    await pipeline.patch({ kafka: { topic: { partitions: 12 } } });
    const above = await recorder.until('more than 6 aggregators', capSeconds, ({ replicas }) => (replicas ?? 0) > 6);
    const changes = changesOf(recorder.record, 'replicas', { from, to: recorder.now() });
    check(
      'the cap rises with the topic',
      true,
      `${changes.map((one) => `${one.from} -> ${one.to}`).join(', ')} after ${Math.round(above.at - from)} s`,
    );
    load.setRate(rates.low);
    recorder.mark(`${rates.low}/s`);
    await untilSteady(run, 20, timeoutSeconds);
    const max = Math.max(...recorder.record.points.map(({ replicas = 0 }) => replicas));
    check('there are never more aggregators than partitions', max <= 12, `at most ${max}`);
  },
};
