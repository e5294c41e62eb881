import { vu } from 'k6/execution';
import { Counter, Rate, Trend } from 'k6/metrics';
import type { Options } from 'k6/options';
import { setTimeout } from 'k6/timers';
import { createK6Api } from './k6Api.ts';
import { loadMetricNames, loadMetrics, type Measure } from './load/measures.ts';
import { seededRandom, seedOf } from './load/random.ts';
import { formatHtml, formatJson, formatJunit, formatText } from './load/report.ts';
import {
  durationSeconds,
  type LoadScenario,
  type LoadScenarioName,
  loadScenarios,
  scaleScenario,
  visitsUntil,
} from './load/scenarios.ts';
import { summarize } from './load/summary.ts';
import { formatThreshold, type Threshold, thresholdsFor } from './load/thresholds.ts';
import { VirtualUser } from './load/user.ts';

/** The exports of an entry file, as k6 needs them. */
export interface LoadTest {
  readonly options: Options;
  /** Makes one visit of the virtual user that k6 runs. */
  readonly visit: () => Promise<void>;
  /** Makes the final check of this user's journal. */
  readonly verify: () => Promise<void>;
  /** Makes the final check of the proof. */
  readonly teardown: () => Promise<void>;
  readonly handleSummary: (data: SummaryData) => Record<string, string>;
}

/** The part of k6's summary that we read. */
export interface SummaryData {
  readonly metrics: Readonly<Record<string, { readonly values: Readonly<Record<string, number>> }>>;
}

/** How long users may take to finish at the end of the load, in seconds: longer than an addition is retried. */
const gracefulStopSeconds = 70;
/** Maximum time for the final checks of all users, in seconds. */
const verifySeconds = 600;

/** Builds a load test from the environment: see k6/README.md for the variables. */
export function createLoadTest(name: LoadScenarioName): LoadTest {
  const scenario = scaleScenario(loadScenarios[name], { rate: numberOf('RATE', 1), time: numberOf('TIME', 1) });
  const seed = numberOf('SEED', 1);
  const runId = __ENV['RUN'] ?? `seed${seed}`;
  const thresholds = thresholdsFor(visitsUntil(scenario, durationSeconds(scenario)));
  const measure = createMeasure();
  const api = createK6Api({
    calculator: textOf('CALCULATOR', 'http://127.0.0.1:8080'),
    grpc: textOf('GRPC', '127.0.0.1:9090'),
    aggregator: textOf('AGGREGATOR', 'http://127.0.0.1:8081'),
  });
  /** The user of this copy of the file: k6 loads the file once for each virtual user. */
  let user: VirtualUser | undefined;
  const ownUser = () => {
    user ??= new VirtualUser({
      id: vu.idInTest,
      runId,
      mix: scenario.mix,
      api,
      measure,
      random: seededRandom(seedOf(seed, vu.idInTest)),
      now: Date.now,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      complain: (problem) => console.error(problem),
    });
    return user;
  };

  return {
    options: optionsOf(scenario, thresholds),
    visit: () => ownUser().visit(),
    async verify() {
      await ownUser().verify();
    },
    async teardown() {
      const proof = await api.readProof();
      const isExact = proof.kind === 'found' && proof.value.exact;
      measure('sumpipeline_journal_agrees', isExact ? 1 : 0);
      if (!isExact) console.error(`the proof is not exact: ${JSON.stringify(proof)}`);
    },
    handleSummary({ metrics }) {
      const values = Object.fromEntries(Object.entries(metrics).map(([metric, { values: all }]) => [metric, all]));
      const summary = summarize({ scenario: name, runId, seed, thresholds, metrics: values });
      const folder = textOf('OUT', '.');
      return {
        stdout: formatText(summary),
        [`${folder}/load-${name}.json`]: formatJson(summary),
        [`${folder}/load-${name}.html`]: formatHtml(summary),
        [`${folder}/load-${name}.junit.xml`]: formatJunit(summary),
      };
    },
  };
}

/**
 * Builds k6's options with two k6 scenarios. The first is the load. In the second each user makes its final check once.
 * When the load ends, its users return to k6's pool. The second scenario takes the same number of users from the pool,
 * so it gets every user with its journal. The summary checks that no user was missed.
 */
function optionsOf(scenario: LoadScenario, thresholds: readonly Threshold[]): Options {
  const loadSeconds = Math.ceil(durationSeconds(scenario));
  return {
    scenarios: {
      load: {
        executor: 'ramping-arrival-rate',
        exec: 'default',
        // k6 accepts only whole numbers. Rates are per minute, because small rates per second would be rounded to 0.
        timeUnit: '1m',
        startRate: Math.round(scenario.startRate * 60),
        stages: scenario.stages.map(({ seconds, rate }) => ({
          duration: `${Math.max(1, Math.round(seconds * 1000))}ms`,
          target: Math.round(rate * 60),
        })),
        // Make all users at the start: the final check would miss a user that k6 makes later.
        preAllocatedVUs: scenario.users,
        maxVUs: scenario.users,
        gracefulStop: `${gracefulStopSeconds}s`,
      },
      verify: {
        executor: 'per-vu-iterations',
        exec: 'verify',
        vus: scenario.users,
        iterations: 1,
        startTime: `${loadSeconds + gracefulStopSeconds}s`,
        maxDuration: `${verifySeconds}s`,
      },
    },
    thresholds: Object.fromEntries(thresholds.map((threshold) => [threshold.metric, [formatThreshold(threshold)]])),
    summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
    teardownTimeout: '120s',
  };
}

function createMeasure(): Measure {
  const kinds = { counter: Counter, rate: Rate, trend: Trend };
  const metrics = new Map(
    loadMetricNames.map((name) => {
      const { kind } = loadMetrics[name];
      return [name, new kinds[kind](name, kind === 'trend')];
    }),
  );
  return (name, value) => metrics.get(name)?.add(value);
}

function textOf(name: string, whenUnset: string): string {
  const text = __ENV[name];
  return text === undefined || text === '' ? whenUnset : text;
}

function numberOf(name: string, whenUnset: number): number {
  const value = Number(textOf(name, String(whenUnset)));
  if (!Number.isFinite(value) || value <= 0) throw new Error(`${name} must be a number above 0`);
  return value;
}
