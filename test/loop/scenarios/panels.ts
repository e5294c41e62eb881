import { createPrometheusClient } from '#lab/monitoring/query.ts';
import { pause } from '#platform/time.ts';
import { findProblems } from '#test/loop/panels/expectations.ts';
import { type Fault, faults, loads, misuse } from '#test/loop/panels/faults.ts';
import { checkVariables, watchPanels } from '#test/loop/panels/sights.ts';
import { type Run, rates, type Scenario, untilPassed } from '#test/loop/scenario.ts';
import { readDashboards } from '#tools/gen/dashboards/read.ts';

const timeoutSeconds = 420;

/** Checks the panels. Does not check the total, because some records are foreign. */
export const panels: Scenario = {
  name: 'panels',
  purpose: 'every query of the dashboards, with the faults that they show',
  partitions: 12,
  isHalting: true,
  play: (run) =>
    watchEveryPanel(run, async () => {
      const { load, recorder } = run;
      load.setRate(rates.low);
      // Wait here, so that the desired number of aggregators is recorded while the faults are caused.
      await recorder.until('the rules to see the load', timeoutSeconds, ({ incoming }) => (incoming ?? 0) > 0);
      await playFaults(run, [...loads, ...faults]);
    }),
};

/** Causes the faults one after the other, while a client sends every wrong request. */
export async function playFaults(run: Run, some: readonly Fault[] = faults): Promise<void> {
  await using _ = repeatedly(1_000, () => misuse(run.pipeline));
  for (const { title, begin, seconds } of some) {
    run.recorder.mark(title);
    await begin(run);
    await untilPassed(run, seconds);
  }
}

/** Runs every query of the dashboards while `work` goes on, and checks the results. */
export async function watchEveryPanel({ lab, pipeline, check }: Run, work: () => Promise<void>): Promise<void> {
  const { namespace, name } = pipeline.ref;
  const values = { namespace, pipeline: name, job: 'sumpipeline-operator', __rate_interval: '1m', __range: '15m' };
  const dashboards = readDashboards(lab.root);
  const client = createPrometheusClient(lab.prometheus.url);
  const sights = watchPanels(dashboards, client, values);
  {
    await using _ = repeatedly(5_000, () => sights.look());
    await work();
    const missing = await checkVariables(dashboards, client, values);
    check('every variable offers the existing values', missing.length === 0, missing.join('; ') || 'all do');
  }
  const seen = sights.all();
  const { silent, unmoved, unseen } = findProblems(seen);
  const tell = (promise: string, problems: readonly string[]) =>
    check(promise, problems.length === 0, problems.join('; ') || `${seen.length} queries`);
  tell('every query of every panel returns a value', silent);
  tell('every panel changes', unmoved);
  tell('the panels of errors show the faults', unseen);
}

/** Repeats `work` until the result is disposed of. Disposing rejects if one run failed. */
function repeatedly(everyMs: number, work: () => Promise<void>): AsyncDisposable {
  const end = new AbortController();
  const running = (async () => {
    while (!end.signal.aborted) {
      await work();
      await pause(everyMs, end.signal);
    }
  })();
  // Disposing awaits this promise. Until then a rejection must not end the process.
  running.catch(() => {});
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}
