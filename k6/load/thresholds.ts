import { slos } from '../../contract/slo.ts';
import type { LoadMetricName } from './measures.ts';

/** One bound on a measurement. `statistic` is k6's name of the statistic that is compared with `value`. */
export interface Threshold {
  readonly metric: LoadMetricName | 'dropped_iterations';
  readonly statistic: 'rate' | 'count' | `p(${number})`;
  readonly operator: '>=' | '<=' | '==';
  readonly value: number;
  readonly why: string;
}

/**
 * Returns the thresholds of a load test: the service level objectives, at most one percent of dropped visits, and that
 * totals and journals agree. A single difference between totals and journals fails the test.
 */
export function thresholdsFor(expectedVisits: number): readonly Threshold[] {
  return [
    {
      metric: 'sumpipeline_journal_agrees',
      statistic: 'rate',
      operator: '==',
      value: 1,
      why: 'each acknowledged addition counts once, with its own value',
    },
    {
      metric: 'sumpipeline_additions_answered',
      statistic: 'rate',
      operator: '>=',
      value: slos.availability.objective,
      why: 'availability',
    },
    {
      metric: 'sumpipeline_acknowledgement',
      statistic: `p(${slos.acknowledgement.quantile * 100})`,
      operator: '<=',
      value: slos.acknowledgement.withinMs,
      why: 'latency of an acknowledgement, in ms',
    },
    {
      metric: 'sumpipeline_freshness',
      statistic: `p(${slos.freshness.quantile * 100})`,
      operator: '<=',
      value: slos.freshness.withinMs,
      why: 'time until a total counts an acknowledged addition, in ms',
    },
    {
      metric: 'dropped_iterations',
      statistic: 'count',
      operator: '<=',
      // If more than one percent is dropped, the load was smaller than the scenario describes.
      value: Math.floor(expectedVisits / 100),
      why: 'visits that found no free user',
    },
  ];
}

/** Formats a threshold as k6 does: `p(99)<=250`. */
export function formatThreshold({ statistic, operator, value }: Threshold): string {
  return `${statistic}${operator}${value}`;
}

export function holds({ operator, value }: Threshold, measured: number): boolean {
  switch (operator) {
    case '>=':
      return measured >= value;
    case '<=':
      return measured <= value;
    case '==':
      return measured === value;
    default:
      return operator satisfies never;
  }
}
