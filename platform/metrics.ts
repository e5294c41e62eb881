import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** A declared metric: the shape of the catalogues in contract/ and operator/. */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}

type Labels = Record<string, string | number>;

/** Metrics of one process, by declared name only. */
export interface Metrics<Name extends string> {
  increment(name: Name, labels?: Labels, by?: number): void;
  set(name: Name, value: number, labels?: Labels): void;
  observe(name: Name, value: number, labels?: Labels): void;
  /** Takes one labelled series away, so that a gone partition does not stay on a dashboard. */
  remove(name: Name, labels?: Labels): void;
  /** Prometheus text format. */
  render(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics<Name extends string>(
  catalogue: Readonly<Record<Name, MetricDeclaration>>,
  options: { processMetrics: boolean } = { processMetrics: true },
): Metrics<Name> {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, declared] of Object.entries<MetricDeclaration>(catalogue)) {
    const common = { name, help: declared.help, labelNames: [...(declared.labels ?? [])], registers: [registry] };
    if (declared.type === 'counter') counters.set(name, new Counter(common));
    else if (declared.type === 'gauge') {
      const gauge = new Gauge(common);
      // A gauge that nobody has set is absent, not 0: 0 would be a statement.
      if (declared.labels === undefined) gauge.remove();
      gauges.set(name, gauge);
    } else histograms.set(name, new Histogram({ ...common, buckets: [...(declared.buckets ?? [])] }));
  }
  return {
    increment: (name, labels = {}, by = 1) => pick(counters, name).inc(labels, by),
    set: (name, value, labels = {}) => pick(gauges, name).set(labels, value),
    observe: (name, value, labels = {}) => pick(histograms, name).observe(labels, value),
    remove: (name, labels = {}) => (gauges.get(name) ?? pick(counters, name)).remove(labels),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function pick<T>(of: ReadonlyMap<string, T>, name: string): T {
  const metric = of.get(name);
  if (metric === undefined) throw new Error(`metric ${name} is not declared with this type in the catalogue`);
  return metric;
}
