import type { DataPlaneMetric } from '#contract/metrics.ts';
import type { RecordedSeries } from '#contract/scaling.ts';
import type { operatorMetrics } from '#operator/metrics.ts';

/** Metrics of every process: prom-client collects them itself. */
export type ProcessMetric =
  | 'process_cpu_seconds_total'
  | 'process_resident_memory_bytes'
  | 'nodejs_eventloop_lag_p99_seconds';

type Part = '_bucket' | '_sum' | '_count' | '';
/** A declared metric, or a part of a histogram. */
export type PipelineSeries = `${DataPlaneMetric}${Part}` | RecordedSeries | ProcessMetric;
export type OperatorSeries = `${keyof typeof operatorMetrics}${Part}` | ProcessMetric;

/** Window of every rate. Grafana replaces the variable in it by at least the time of four scrapes. */
const window = '[$__rate_interval]';

/** Selects a series of the selected pipeline. `matchers` are additional matchers, such as `method="Add"`. */
export function ofPipeline(name: PipelineSeries, matchers = ''): string {
  return select(name, 'namespace="$namespace",pipeline="$pipeline"', matchers);
}

/** Selects a series of the selected operator: other operators have work queues of the same name. */
export function ofOperator(name: OperatorSeries, matchers = ''): string {
  return select(name, 'job="$job"', matchers);
}

/** Selects a series of the leading pod only, because a pod that led earlier still exports its last numbers. */
export function ofLeader(name: OperatorSeries, matchers = ''): string {
  return `(${ofOperator(name, matchers)} and on (pod) (${ofOperator('leader_election_master_status')} == 1))`;
}

/** The variables that select a pipeline, for the series of `ofPipeline`. */
export const pipelineVariables = {
  namespace: 'label_values(sumpipeline_requests_total, namespace)',
  pipeline: 'label_values(sumpipeline_requests_total{namespace="$namespace"}, pipeline)',
} as const;

/** Sums the rate per second of a series over all pods, grouped by the labels in `by`. */
export function rate(series: string, by = ''): string {
  return `sum${by === '' ? '' : ` by (${by})`} (rate(${series}${window}))`;
}

/** Computes a quantile of a histogram. `buckets` is its series `_bucket`. */
export function quantile(q: number, buckets: string, by = ''): string {
  return `histogram_quantile(${q}, ${rate(buckets, by === '' ? 'le' : `le, ${by}`)})`;
}

/** Computes the mean of a histogram's values. */
export function mean(sum: string, count: string): string {
  return `${rate(sum)} / ${rate(count)}`;
}

function select(name: string, labels: string, matchers: string): string {
  return `${name}{${labels}${matchers === '' ? '' : `,${matchers}`}}`;
}
