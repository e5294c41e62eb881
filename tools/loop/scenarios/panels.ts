import { pause } from '#platform/time.ts';
import { readDashboards } from '#tools/gen/dashboards/read.ts';
import { findProblems } from '#tools/loop/panels/expectations.ts';
import { faults, misuse } from '#tools/loop/panels/faults.ts';
import { checkVariables, watchPanels } from '#tools/loop/panels/sights.ts';
import { rates, type Scenario, untilPassed } from '#tools/loop/scenario.ts';
import { createPrometheusClient } from '#tools/monitoring/query.ts';

const timeoutSeconds = 420;

/** Its records are partly foreign, so its total is no promise: the panels are. */
export const panels: Scenario = {
  name: 'panels',
  purpose: 'every query of the dashboards, with the faults that they show',
  partitions: 12,
  isHalting: true,
  async play(run) {
    const { lab, pipeline, load, recorder, check } = run;
    const { namespace, name } = pipeline.ref;
    const values = { namespace, pipeline: name, job: 'sumpipeline-operator', __rate_interval: '1m', __range: '15m' };
    const dashboards = readDashboards(lab.root);
    const client = createPrometheusClient(lab.prometheus.url);
    const sights = watchPanels(dashboards, client, values);
    load.setRate(rates.low);
    // The number wanted comes while the faults are played.
    await recorder.until('the rules to see the load', timeoutSeconds, ({ incoming }) => (incoming ?? 0) > 0);
    const end = new AbortController();
    const meanwhile = [
      repeat({ everyMs: 5_000, signal: end.signal }, () => sights.look()),
      repeat({ everyMs: 1_000, signal: end.signal }, () => misuse(pipeline)),
    ];
    // Awaited at the end; a failure until then must not end the process.
    for (const running of meanwhile) running.catch(() => {});
    try {
      for (const { title, begin, seconds } of faults) {
        recorder.mark(title);
        await begin(run);
        await untilPassed(run, seconds);
      }
      const missing = await checkVariables(dashboards, client, values);
      check('every variable offers what is there', missing.length === 0, missing.join('; ') || 'all do');
    } finally {
      end.abort();
      await Promise.all(meanwhile);
    }
    const seen = sights.all();
    const { silent, unmoved, unseen } = findProblems(seen);
    const tell = (promise: string, problems: readonly string[]) =>
      check(promise, problems.length === 0, problems.join('; ') || `${seen.length} queries`);
    tell('every query of every panel gives a value', silent);
    tell('every panel moves', unmoved);
    tell('the panels of errors show the faults', unseen);
  },
};

/** Again and again until the signal, one after the other. */
async function repeat(
  { everyMs, signal }: { everyMs: number; signal: AbortSignal },
  work: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await work();
    await pause(everyMs, signal);
  }
}
