import type { GeneratedFile } from '#tools/gen/generatedFile.ts';
import { buildDependenciesDashboard } from './dependencies.ts';
import { buildOperatorDashboard } from './operator.ts';
import { buildPipelineDashboard } from './pipeline.ts';

/** Generates manifests/grafana/*.json. The sidecar of kube-prometheus-stack gives these files to Grafana. */
export function generateDashboards(): GeneratedFile[] {
  const dashboards = {
    pipeline: buildPipelineDashboard(),
    dependencies: buildDependenciesDashboard(),
    operator: buildOperatorDashboard(),
  };
  return Object.entries(dashboards).map(([name, dashboard]) => ({
    path: `manifests/grafana/${name}.json`,
    text: `${JSON.stringify(dashboard, null, 1)}\n`,
  }));
}
