import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import { activeTraceIds } from './tracing/spans.ts';

/** One entry of the metric catalogues in contract/ and operator/. */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: Readonly<Record<string, LabelValues>>;
  /** Upper bounds of the buckets, ascending. Only for histograms. */
  readonly buckets?: readonly number[];
}

/** All values of a label. If they are not known in advance, `boundedBy` says what limits their number. */
export type LabelValues = readonly string[] | { readonly boundedBy: string };

/** The metrics of one process, by name. */
export type Catalogue = Readonly<Record<string, MetricDeclaration>>;

type LabelsOf<Labels> = {
  readonly [Name in keyof Labels]: Labels[Name] extends readonly (infer Value extends string)[]
    ? Value
    : string | number;
};

/** The arguments of a method. If the metric has labels, they are the first argument. */
type Arguments<Declared, Rest extends unknown[]> = Declared extends { readonly labels: infer Labels }
  ? [labels: LabelsOf<Labels>, ...rest: Rest]
  : Rest;

/** The methods of prom-client, typed with the declared labels. */
type Instrument<Declared extends MetricDeclaration> = Declared['type'] extends 'counter'
  ? { inc(...args: Arguments<Declared, [by?: number]>): void }
  : Declared['type'] extends 'gauge'
    ? {
        set(...args: Arguments<Declared, [value: number]>): void;
        /** Removes the series, because an unknown value must be absent. */
        remove(...args: Arguments<Declared, []>): void;
      }
    : {
        observe(...args: Arguments<Declared, [value: number]>): void;
        /** Creates the series of these labels with the count 0. */
        zero(...args: Arguments<Declared, []>): void;
      };

export type Metrics<Of extends Catalogue> = { readonly [Name in keyof Of]: Instrument<Of[Name]> };

/** The text that `/metrics` serves. */
export interface Exposition {
  render(): Promise<string>;
  readonly contentType: string;
}

/**
 * Creates the metrics of a catalogue. Counters and histograms begin at 0 for every value of their labels: `rate()` does
 * not see the first increment of a series that was absent before. Gauges are absent until they are set, because 0 would
 * be a value.
 */
export function createMetrics<Of extends Catalogue>(
  catalogue: Of,
  options: { processMetrics: boolean } = { processMetrics: true },
): { metrics: Metrics<Of>; exposition: Exposition } {
  // Use OpenMetrics: only this format has exemplars.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const metrics = Object.fromEntries(
    Object.entries(catalogue).map(([name, declared]) => [name, createMetric(registry, name, declared)]),
  );
  return {
    // This cast is safe: the declared type of each metric decides which instrument it is.
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

/** Wraps a histogram: a value that is observed in a sampled span gets an exemplar with that span. */
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

/** Returns every combination of label values. Empty if the values of one label are not known in advance. */
function knownSeries(labels: Readonly<Record<string, LabelValues>>): Record<string, string>[] {
  let series: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if ('boundedBy' in values) return [];
    series = series.flatMap((one) => values.map((value) => ({ ...one, [name]: value })));
  }
  return series;
}
