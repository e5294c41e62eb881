import { childName } from '#contract/names.ts';
import { waitFor } from '#lab/process/wait.ts';
import { readConditions } from '#test/loop/pipeline.ts';
import { rates, type Scenario, untilSteady } from '#test/loop/scenario.ts';

const timeoutSeconds = 420;
const awaySeconds = 45;

export const zero: Scenario = {
  name: 'zero',
  purpose: 'aggregators scaled to 0 by hand, and back',
  partitions: 12,
  async play(run) {
    const { lab, pipeline, load, recorder, check } = run;
    const { ref } = pipeline;
    const deployment = `deployment/${childName.workload(ref, 'aggregator')}`;
    const scale = (replicas: number) =>
      lab.kubectl.run(['-n', ref.namespace, 'scale', deployment, `--replicas=${replicas}`]);
    load.setRate(rates.low);
    await untilSteady(run, 20, timeoutSeconds);
    recorder.mark('scaled to 0');
    await scale(0);
    const from = recorder.now();
    const said = await waitFor(
      { what: 'the condition to report 0 replicas', timeoutMs: 60_000, intervalMs: 1_000 },
      async () => {
        const condition = (await readConditions(lab, ref)).find(({ type }) => type === 'AutoscalingActive');
        if (condition?.reason !== 'ReplicasZero') throw new Error(JSON.stringify(condition));
        return condition;
      },
    );
    check('the condition says that 0 replicas disable the HPA', said.status === 'False', said.message);
    const away = await recorder.until(
      'time without aggregators',
      awaySeconds + 60,
      ({ at }) => at >= from + awaySeconds,
    );
    const expected = (away.at - from) * rates.low;
    const isTrue = away.lag !== undefined && away.lag > expected * 0.5 && away.replicas === 0;
    check(
      'the lag stays correct while no aggregator runs',
      isTrue,
      `lag ${away.lag}, about ${Math.round(expected)} records were written`,
    );
    recorder.mark('scaled to 1');
    await scale(1);
    await untilSteady(run, 20, timeoutSeconds);
    const { replicas = 0 } = recorder.record.points.at(-1) ?? {};
    check('the HPA resumes', replicas >= 1, `${replicas} aggregators`);
  },
};
