/** The measurements of a load test, under the names that k6 and our own driver report. */
export const loadMetrics = {
  sumpipeline_additions_answered: {
    kind: 'rate',
    help: 'Attempts to add that were acknowledged or refused for their content: the service was available.',
  },
  sumpipeline_acknowledgement: { kind: 'trend', help: 'Time from sending an addition to its acknowledgement, in ms.' },
  sumpipeline_freshness: { kind: 'trend', help: 'Time from an acknowledgement until a total counts it, in ms.' },
  sumpipeline_journal_acknowledged: { kind: 'counter', help: 'Additions that were acknowledged.' },
  sumpipeline_journal_verified: { kind: 'counter', help: 'Acknowledged additions that the final check compared.' },
  sumpipeline_journal_agrees: { kind: 'rate', help: 'Final checks in which journal, totals and proof agree.' },
} as const satisfies Record<string, LoadMetric>;

export interface LoadMetric {
  readonly kind: 'counter' | 'rate' | 'trend';
  readonly help: string;
}

export type LoadMetricName = keyof typeof loadMetrics;

/** Records one measured value: the increment of a counter, 1 or 0 for a rate, milliseconds for a trend. */
export type Measure = (name: LoadMetricName, value: number) => void;

export const loadMetricNames = Object.keys(loadMetrics).filter(isLoadMetricName);

function isLoadMetricName(text: string): text is LoadMetricName {
  return Object.hasOwn(loadMetrics, text);
}
