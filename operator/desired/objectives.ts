import type { RequestResult } from '#contract/metrics.ts';
import { recordedSeries as series } from '#contract/scaling.ts';
import { slos } from '#contract/slo.ts';
import type { Recorder, Rule, Selectors } from './ruleGroup.ts';

/** Request results that leave an addition without a result: the client must retry later, or our program failed. */
const unanswered: readonly RequestResult[] = [
  'outcome-unknown',
  'unavailable',
  'queue-full',
  'deadline-exceeded',
  'internal',
];

/**
 * PromQL expressions for the additions that missed an objective in a window such as `1h`. Without traffic they have no
 * value.
 */
export interface Misses {
  /** Share of the additions that got no result. */
  readonly unavailable: (window: string) => string;
  /** Share of the acknowledgements that came too late. */
  readonly late: (window: string) => string;
  /** Number of additions without a result, and of late acknowledgements. */
  readonly count: { readonly unavailable: (window: string) => string; readonly late: (window: string) => string };
  /** Share of the time in which the counted records were too old. */
  readonly stale: (window: string) => string;
}

export function missesOf({ metric }: Selectors): Misses {
  const requests = (window: string, more = '', per = 'rate') =>
    `sum(${per}(${metric('sumpipeline_requests_total', `method="Add"${more}`)}[${window}]))`;
  const within = slos.acknowledgement.withinMs / 1000;
  const durations = (name: 'bucket' | 'count', window: string, more = '', per = 'rate') =>
    `sum(${per}(${metric(`sumpipeline_request_duration_seconds_${name}`, `method="Add"${more}`)}[${window}]))`;
  // If no new records arrive, the gauge keeps the age of the last record. So use only time in which records are
  // counted.
  const isCounting = `sum by (pod) (rate(${metric('sumpipeline_dispositions_total')}[2m])) > 0`;
  const isStale = `${metric('sumpipeline_freshness_seconds')} > bool ${slos.freshness.withinMs / 1000}`;
  const counted = `((${isStale}) and on (pod) (${isCounting}))`;
  const isUnanswered = `,result=~"${unanswered.join('|')}"`;
  const isInTime = `,le="${within}"`;
  return {
    unavailable: (window) => `${requests(window, isUnanswered)} / (${requests(window)} > 0)`,
    late: (window) => `1 - ${durations('bucket', window, isInTime)} / (${durations('count', window)} > 0)`,
    count: {
      unavailable: (window) => requests(window, isUnanswered, 'increase'),
      late: (window) =>
        `${durations('count', window, '', 'increase')} - ${durations('bucket', window, isInTime, 'increase')}`,
    },
    // Count minutes of pods. So a pod that started a minute ago, and counts old records, has the weight of one minute.
    stale: (window) => `sum(sum_over_time(${counted}[${window}:1m])) / sum(count_over_time(${counted}[${window}:1m]))`,
  };
}

/** Records each service level indicator as a share, so that users can compare it with contract/slo.ts. */
export function objectiveRules(select: Selectors, record: Recorder): Rule[] {
  const { unavailable, late, stale } = missesOf(select);
  return [
    record(series.availability, `1 - ${unavailable('5m')}`),
    record(series.acknowledgedInTime, `1 - (${late('5m')})`),
    record(series.fresh, `1 - ${stale('5m')}`),
  ];
}
