/** The values of a dashboard's variables, such as `namespace: shop`. */
export type VariableValues = Readonly<Record<string, string>>;

/** Expands a query of a dashboard, as Grafana sends it to Prometheus. Throws for a variable that has no value. */
export function expandQuery(query: string, values: VariableValues): string {
  return query.replaceAll(/\$(\w+)/g, (text, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${query}: ${text} has no value`);
    return value;
  });
}

/**
 * Parses `label_values(selector, label)`. Grafana reads the label's values from the series that the selector finds.
 */
export function parseLabelValues(query: string): { readonly selector: string; readonly label: string } {
  const found = /^label_values\((?<selector>.+), (?<label>\w+)\)$/.exec(query)?.groups;
  if (found?.['selector'] === undefined || found['label'] === undefined)
    throw new Error(`${query} is not label_values(selector, label)`);
  return { selector: found['selector'], label: found['label'] };
}
