import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const panelSchema = z.object({
  type: z.string(),
  title: z.string(),
  description: z.string().default(''),
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string().optional() }) }).optional(),
  targets: z.array(z.object({ refId: z.string(), expr: z.string(), legendFormat: z.string() })).default([]),
});
const dashboardSchema = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(panelSchema),
  templating: z.object({
    list: z.array(
      z.object({ type: z.string(), name: z.string(), query: z.union([z.string(), z.object({ query: z.string() })]) }),
    ),
  }),
});

/** The parts of a dashboard that the checks read. */
export type Dashboard = z.infer<typeof dashboardSchema>;

/** Reads the generated dashboards, by file name. */
export function readDashboards(root: string): ReadonlyMap<string, Dashboard> {
  const folder = join(root, 'manifests', 'grafana');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return new Map(
    files.map((file) => [
      file.replace(/\.json$/, ''),
      dashboardSchema.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))),
    ]),
  );
}

/** Returns the query of each variable whose values come from Prometheus, by the name of the variable. */
export function queryVariables({ templating }: Dashboard): Readonly<Record<string, string>> {
  return Object.fromEntries(
    templating.list.flatMap(({ type, name, query }) =>
      type === 'query' ? [[name, typeof query === 'string' ? query : query.query]] : [],
    ),
  );
}
