import { formatThreshold, holds, type Threshold } from './thresholds.ts';

/** What a finished load test says, whichever program ran it. */
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
  /** What was measured; undefined when nothing was. */
  readonly measured: number | undefined;
}

export interface SummaryInput {
  readonly scenario: string;
  readonly runId: string;
  readonly seed: number;
  readonly thresholds: readonly Threshold[];
  readonly metrics: LoadSummary['metrics'];
}

/** Judges the thresholds, and that every acknowledged addition went through the final check. */
export function summarize({ scenario, runId, seed, thresholds, metrics }: SummaryInput): LoadSummary {
  const checks = [...thresholds.map((threshold) => judge(threshold, metrics)), judgeJournal(metrics)];
  return { scenario, runId, seed, passed: checks.every(({ passed }) => passed), checks, metrics };
}

function judge(threshold: Threshold, metrics: LoadSummary['metrics']): SummaryCheck {
  const name = `${threshold.metric} ${formatThreshold(threshold)}`;
  const measured = metrics[threshold.metric]?.[threshold.statistic];
  // k6 leaves out a counter that never counted: nothing was dropped. Anything else that is missing was not measured.
  const value = measured ?? (threshold.statistic === 'count' ? 0 : undefined);
  return { name, why: threshold.why, passed: value !== undefined && holds(threshold, value), measured: value };
}

/** A user that never came to its final check would hide its journal. */
function judgeJournal(metrics: LoadSummary['metrics']): SummaryCheck {
  const acknowledged = metrics['sumpipeline_journal_acknowledged']?.['count'] ?? 0;
  const verified = metrics['sumpipeline_journal_verified']?.['count'] ?? 0;
  return {
    name: `all ${acknowledged} acknowledged additions were compared`,
    why: 'every journal was checked, and there was something to check',
    passed: acknowledged > 0 && verified === acknowledged,
    measured: verified,
  };
}
