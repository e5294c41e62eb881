import { formatThreshold, holds, type Threshold } from './thresholds.ts';

/** The result of a finished load test, in the same form for k6 and for our own driver. */
export interface LoadSummary {
  readonly scenario: string;
  readonly runId: string;
  readonly seed: number;
  readonly passed: boolean;
  readonly checks: readonly SummaryCheck[];
  /** Statistics by metric, such as `{ 'p(99)': 12.5 }`. */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface SummaryCheck {
  readonly name: string;
  readonly why: string;
  readonly passed: boolean;
  /** The measured value. Undefined if nothing was measured. */
  readonly measured: number | undefined;
}

export interface SummaryInput {
  readonly scenario: string;
  readonly runId: string;
  readonly seed: number;
  readonly thresholds: readonly Threshold[];
  readonly metrics: LoadSummary['metrics'];
}

/**
 * Compares the measurements with the thresholds, and checks that a final check covered each acknowledged addition.
 */
export function summarize({ scenario, runId, seed, thresholds, metrics }: SummaryInput): LoadSummary {
  const checks = [...thresholds.map((threshold) => checkThreshold(threshold, metrics)), checkJournal(metrics)];
  return { scenario, runId, seed, passed: checks.every(({ passed }) => passed), checks, metrics };
}

function checkThreshold(threshold: Threshold, metrics: LoadSummary['metrics']): SummaryCheck {
  const name = `${threshold.metric} ${formatThreshold(threshold)}`;
  const measured = metrics[threshold.metric]?.[threshold.statistic];
  // k6 omits a counter that is 0, such as the number of dropped visits. Any other missing metric was not measured.
  const value = measured ?? (threshold.statistic === 'count' ? 0 : undefined);
  return { name, why: threshold.why, passed: value !== undefined && holds(threshold, value), measured: value };
}

/** Checks that every journal was compared: a user without a final check could hide a difference. */
function checkJournal(metrics: LoadSummary['metrics']): SummaryCheck {
  const acknowledged = metrics['sumpipeline_journal_acknowledged']?.['count'] ?? 0;
  const verified = metrics['sumpipeline_journal_verified']?.['count'] ?? 0;
  return {
    name: `all ${acknowledged} acknowledged additions were compared`,
    why: 'every journal was checked, and at least one addition was acknowledged',
    passed: acknowledged > 0 && verified === acknowledged,
    measured: verified,
  };
}
