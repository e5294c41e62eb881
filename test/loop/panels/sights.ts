import type { PrometheusClient } from '#lab/monitoring/query.ts';
import { expandQuery, parseLabelValues, type VariableValues } from '#tools/gen/dashboards/expand.ts';
import { type Dashboard, queryVariables } from '#tools/gen/dashboards/read.ts';

/** The results of one query while the faults were caused. */
export interface Sight {
  readonly dashboard: string;
  readonly panel: string;
  readonly legend: string;
  /** Each series that the query ever returned: its labels, and its lowest and highest value. */
  readonly series: readonly SeenSeries[];
  /** True if the result changed: a value, or the set of series. */
  readonly hasMoved: boolean;
}

interface SeenSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly lowest: number;
  readonly highest: number;
}

export interface Sights {
  /** Runs every query of every panel once. */
  look(): Promise<void>;
  all(): readonly Sight[];
}

/** Runs the queries of every panel of the dashboards through the Prometheus of `client`, as Grafana would. */
export function watchPanels(
  dashboards: ReadonlyMap<string, Dashboard>,
  client: PrometheusClient,
  values: VariableValues,
): Sights {
  const queries = [...dashboards].flatMap(([dashboard, { panels }]) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(
        ({ expr, legendFormat }) => new WatchedQuery(dashboard, title, legendFormat, expandQuery(expr, values)),
      ),
    ),
  );
  return {
    async look() {
      // Send one query after the other: Prometheus shares two cores with the system that it measures.
      for (const query of queries) query.see(await client.query(query.expr));
    },
    all: () => queries,
  };
}

class WatchedQuery implements Sight {
  readonly dashboard: string;
  readonly panel: string;
  readonly legend: string;
  readonly expr: string;
  readonly #seen = new Map<string, SeenSeries>();
  #names: string | undefined;
  #hasNamesChanged = false;

  constructor(dashboard: string, panel: string, legend: string, expr: string) {
    this.dashboard = dashboard;
    this.panel = panel;
    this.legend = legend;
    this.expr = expr;
  }

  get series(): readonly SeenSeries[] {
    return [...this.#seen.values()];
  }

  get hasMoved(): boolean {
    return this.#hasNamesChanged || this.series.some(({ lowest, highest }) => highest > lowest);
  }

  see(samples: Awaited<ReturnType<PrometheusClient['query']>>): void {
    const numbers = samples.filter(({ value }) => !Number.isNaN(value));
    const names = numbers
      .map(({ labels }) => nameOf(labels))
      .toSorted()
      .join();
    this.#hasNamesChanged ||= this.#names !== undefined && this.#names !== names;
    this.#names = names;
    for (const { labels, value } of numbers) {
      const name = nameOf(labels);
      const { lowest, highest } = this.#seen.get(name) ?? { lowest: value, highest: value };
      this.#seen.set(name, { labels, lowest: Math.min(lowest, value), highest: Math.max(highest, value) });
    }
  }
}

/** Makes a key from labels: the same key for the same labels in any order. */
function nameOf(labels: SeenSeries['labels']): string {
  return JSON.stringify(Object.entries(labels).toSorted());
}

/**
 * Reads the choices of each variable in order, and chooses a value before it reads the next variable. Returns the
 * variables that do not offer an existing value.
 */
export async function checkVariables(
  dashboards: ReadonlyMap<string, Dashboard>,
  client: PrometheusClient,
  values: VariableValues,
): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, dashboard] of dashboards) {
    for (const [variable, query] of Object.entries(queryVariables(dashboard))) {
      const { selector, label } = parseLabelValues(query);
      const samples = await client.query(expandQuery(selector, values));
      const choices = new Set(samples.map(({ labels }) => labels[label]));
      if (!choices.has(values[variable]))
        missing.push(`${name}: ${variable} offers ${[...choices].join(', ') || 'nothing'}`);
    }
  }
  return missing;
}
