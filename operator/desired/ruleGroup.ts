import type { DataPlaneMetric } from '#contract/metrics.ts';
import type { Component, PipelineRef } from '#contract/names.ts';
import { type RecordedSeries, recordedSeries } from '#contract/scaling.ts';

type Labels = Readonly<Record<string, string>>;

interface RecordingRule {
  readonly record: RecordedSeries;
  readonly expr: string;
  readonly labels: Labels;
}

interface AlertingRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Labels & { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

export type Rule = RecordingRule | AlertingRule;

/** A group of a PrometheusRule. Its rules run in order, so a rule sees the values that earlier rules recorded. */
export interface RuleGroup {
  readonly name: string;
  readonly interval: string;
  readonly rules: readonly Rule[];
}

/** Interval of the rules in seconds, equal to the default interval of an HPA. */
export const intervalSeconds = 15;

/** Expression and texts of an alert. */
export interface AlertText {
  readonly expr: string;
  /** How long the expression must hold, such as `5m`. */
  readonly for: string;
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  /** What to do now, in one or two sentences. */
  readonly description: string;
}

/** URL of the runbooks. Each alert has a page with its name in docs/runbooks. */
const runbooks = 'https://sumpipeline.dev/runbooks';

export function alertRule(alert: string, text: AlertText, labels: Labels): AlertingRule {
  const { expr, severity, summary, description } = text;
  return {
    alert,
    expr,
    for: text.for,
    labels: { ...labels, severity },
    annotations: { summary, description, runbook_url: `${runbooks}/${alert}` },
  };
}

export function group(name: string, rules: readonly Rule[]): RuleGroup {
  return { name, interval: `${intervalSeconds}s`, rules };
}

export type Recorder = (name: RecordedSeries, expr: string) => Rule;

/** Returns a function that makes recording rules. Each series gets the labels `namespace` and `pipeline`. */
export function recorderOf({ namespace, name: pipeline }: PipelineRef): Recorder {
  return (name, expr) => ({ record: name, expr, labels: { namespace, pipeline } });
}

export interface Selectors {
  /** Selects a metric of the pods of this pipeline. `more` are further matchers. */
  readonly metric: (
    name: DataPlaneMetric | `${DataPlaneMetric}_${'sum' | 'count' | 'bucket'}`,
    more?: string,
  ) => string;
  /** Selects a series that the rules of this pipeline record. Its labels are kept. */
  readonly own: (name: RecordedSeries) => string;
  /** Selects a recorded series that has one value, without its labels. */
  readonly one: (name: RecordedSeries) => string;
  /** Selects `up` of the pods of a component: 1 if Prometheus reaches the pod. */
  readonly up: (component: Component) => string;
}

export function selectorsOf({ namespace, name }: PipelineRef): Selectors {
  const labels = `namespace="${namespace}",pipeline="${name}"`;
  return {
    metric: (metric, more) => `${metric}{${labels}${more === undefined ? '' : `,${more}`}}`,
    own: (recorded) => `${recorded}{${labels}}`,
    one: (recorded) => `max(${recorded}{${labels}})`,
    up: (component) => `up{${labels},component="${component}"}`,
  };
}

/** Returns the lag, in records, up to which nothing is late: one full batch and the records of ten seconds. */
export function lagInHand({ one }: Pick<Selectors, 'one'>): string {
  return `1000 + 10 * ${one(recordedSeries.incoming)}`;
}
