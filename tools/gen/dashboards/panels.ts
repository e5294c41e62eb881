import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  MappingType,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

/** A panel, or a number at the top of a dashboard. */
export interface PanelOptions {
  readonly title: string;
  /** Text behind the panel's question mark: what the panel shows, and which values are bad. */
  readonly description: string;
  /** Grafana's name of the unit, such as `s`, `percentunit` or `short`. */
  readonly unit: string;
  /** The queries. The key of a query is the legend of its graphs, and may contain labels, such as `{{result}}`. */
  readonly queries: Readonly<Record<string, string>>;
}

export interface StatOptions extends PanelOptions {
  /** Colours, each for the values from its `value` on. The lowest step has the value null. Default: always green. */
  readonly steps?: readonly { readonly value: number | null; readonly color: string }[];
  /** Texts that the panel shows instead of values. The keys are the values, such as `1` for "Exact". */
  readonly words?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
}

/** Colours for values that should be 0. */
export const redFromOne: NonNullable<StatOptions['steps']> = [
  { value: null, color: 'green' },
  { value: 1, color: 'red' },
];

export interface RowOptions {
  readonly title: string;
  readonly panels: readonly Builder<Panel>[];
}

export interface DashboardOptions {
  /** Id of the dashboard. It must not change, because links use it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** `label_values(...)` by name of the variable, in the order of the menus. */
  readonly variables: Readonly<Record<string, string>>;
  readonly rows: readonly RowOptions[];
}

/** Dashboards with this tag link to each other. */
const tag = 'sumpipeline';
const datasource = { type: 'prometheus', uid: '$datasource' };
/** Sizes of a panel. A dashboard has 24 columns, so a row has three graphs or six numbers. */
const graphSize = { width: 8, height: 8 };
const statSize = { width: 4, height: 4 };

export function graph(options: PanelOptions): TimeSeriesBuilder {
  const panel = new TimeSeriesBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .unit(options.unit)
    .span(graphSize.width)
    .height(graphSize.height)
    .min(0)
    .fillOpacity(10)
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  // An exemplar of a latency leads to its trace, if traces exist: docs/traces.md.
  const hasExemplars = Object.values(options.queries).some((query) => query.includes('histogram_quantile'));
  for (const query of queriesOf(options)) panel.withTarget(query.range().exemplar(hasExemplars));
  return panel;
}

export function stat(options: StatOptions): StatBuilder {
  const { steps = [{ value: null, color: 'green' }], words = {} } = options;
  const panel = new StatBuilder()
    .title(options.title)
    .description(options.description)
    .datasource(datasource)
    .unit(options.unit)
    .span(statSize.width)
    .height(statSize.height)
    .noValue('Unknown')
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]))
    .mappings([{ type: MappingType.ValueToText, options: { ...words } }]);
  // Use an instant query: if a value is unknown now, the panel must not show an old value.
  for (const query of queriesOf(options)) panel.withTarget(query.instant());
  return panel;
}

export function buildDashboard({ uid, title, description, variables, rows }: DashboardOptions): object {
  const dashboard = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([tag])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .timezone('browser')
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .link(
      new DashboardLinkBuilder('SumPipeline')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const [name, query] of Object.entries(variables)) dashboard.withVariable(variable(name, query));
  for (const row of rows) {
    dashboard.withRow(new RowBuilder(row.title));
    for (const panel of row.panels) dashboard.withPanel(panel);
  }
  return dashboard.build();
}

function queriesOf({ queries }: PanelOptions): DataqueryBuilder[] {
  return Object.entries(queries).map(([legend, expr], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .expr(expr)
      .legendFormat(legend),
  );
}

function variable(name: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(`${name.charAt(0).toUpperCase()}${name.slice(1)}`)
    .datasource(datasource)
    .query({ query, refId: name })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}
