import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import { activeTraceIds } from './tracing/spans.ts';

/** A declared metric: the shape of the catalogues in contract/ and operator/. */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: Readonly<Record<string, LabelValues>>;
  /** Upper bounds, ascending; of histograms alone. */
  readonly buckets?: readonly number[];
}

/** All values of a label, or what keeps their number small where they are not known before. */
export type LabelValues = readonly string[] | { readonly boundedBy: string };

/** The metrics of one process by name. */
export type Catalogue = Readonly<Record<string, MetricDeclaration>>;

type LabelsOf<Labels> = {
  readonly [Name in keyof Labels]: Labels[Name] extends readonly (infer Value extends string)[]
    ? Value
    : string | number;
};

/** Labels come first, where the metric has any. */
type Arguments<Declared, Rest extends unknown[]> = Declared extends { readonly labels: infer Labels }
  ? [labels: LabelsOf<Labels>, ...rest: Rest]
  : Rest;

/** The methods of prom-client, with the labels that were declared. */
type Instrument<Declared extends MetricDeclaration> = Declared['type'] extends 'counter'
  ? { inc(...args: Arguments<Declared, [by?: number]>): void }
  : Declared['type'] extends 'gauge'
    ? {
        set(...args: Arguments<Declared, [value: number]>): void;
        /** Removes the series: an unknown value must be absent, not old. */
        remove(...args: Arguments<Declared, []>): void;
      }
    : {
        observe(...args: Arguments<Declared, [value: number]>): void;
        /** Begins the series of these labels at 0. */
        zero(...args: Arguments<Declared, []>): void;
      };

export type Metrics<Of extends Catalogue> = { readonly [Name in keyof Of]: Instrument<Of[Name]> };

/** What `/metrics` serves. */
export interface Exposition {
  render(): Promise<string>;
  readonly contentType: string;
}

/**
 * Makes the metrics of a catalogue. Counters and histograms begin at 0 for every value of their labels, because
 * `rate()` does not see the first increment of a series that was absent before. Gauges begin absent: 0 would be
 * a value.
 */
export function createMetrics<Of extends Catalogue>(
  catalogue: Of,
  options: { processMetrics: boolean } = { processMetrics: true },
): { metrics: Metrics<Of>; exposition: Exposition } {
  // OpenMetrics, because only there a sample may have an exemplar.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const metrics = Object.fromEntries(
    Object.entries(catalogue).map(([name, declared]) => [name, createMetric(registry, name, declared)]),
  );
  return {
    // The declared type of each metric says which instrument it is.
    metrics: metrics as unknown as Metrics<Of>,
    exposition: { render: () => registry.metrics(), contentType: registry.contentType },
  };
}

function createMetric(registry: Registry<OpenMetricsContentType>, name: string, declared: MetricDeclaration): object {
  const { type, help, labels = {}, buckets = [] } = declared;
  const common = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  switch (type) {
    case 'counter': {
      const counter = new Counter(common);
      for (const series of knownSeries(labels)) counter.inc(series, 0);
      return counter;
    }
    case 'gauge': {
      const gauge = new Gauge(common);
      if (common.labelNames.length === 0) gauge.remove();
      return gauge;
    }
    case 'histogram': {
      const histogram = new Histogram({ ...common, buckets: [...buckets], enableExemplars: true });
      for (const series of knownSeries(labels)) histogram.zero(series);
      return withExemplars(histogram, declared);
    }
  }
}

/** A value observed inside a sampled span gets an exemplar with that span. */
function withExemplars(histogram: Histogram, { labels }: MetricDeclaration): object {
  const observe = (series: Record<string, string | number>, value: number) => {
    const exemplarLabels = activeTraceIds();
    histogram.observe({ labels: series, value, ...(exemplarLabels && { exemplarLabels }) });
  };
  return {
    observe: labels === undefined ? (value: number) => observe({}, value) : observe,
    zero: (series: Record<string, string> = {}) => histogram.zero(series),
  };
}

/** Every combination of label values; none if one label's values are not known before. */
function knownSeries(labels: Readonly<Record<string, LabelValues>>): Record<string, string>[] {
  let series: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if ('boundedBy' in values) return [];
    series = series.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return series;
}
