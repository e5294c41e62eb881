import { runtimeMetrics } from '#kube/metrics.ts';
import type { Metrics } from '#platform/metrics.ts';

/**
 * The catalogue of the operator's metrics. A metric is declared here (or with the runtime) before use; dashboards and
 * alerts may name only declared metrics. Labels come from small closed sets: one series per pipeline would have no
 * limit.
 */
export const operatorMetrics = {
  ...runtimeMetrics,
  sumpipeline_operator_pipelines: {
    type: 'gauge',
    help: 'SumPipelines by kstatus state: ready, reconciling, stalled or deleting.',
    labels: { state: ['ready', 'reconciling', 'stalled', 'deleting'] },
  },
  sumpipeline_operator_pipelines_exact: {
    type: 'gauge',
    help: 'SumPipelines by their condition TotalExact: True, False or Unknown.',
    labels: { status: ['True', 'False', 'Unknown'] },
  },
  sumpipeline_operator_actions_total: {
    type: 'counter',
    help: 'Writes to child objects and SumPipelines, by action; a steady state has no writes.',
    labels: { action: ['record', 'create', 'apply', 'scale', 'release', 'retain', 'delete', 'dropVerdicts'] },
  },
  sumpipeline_operator_status_writes_total: { type: 'counter', help: 'Statuses that were written.' },
} as const;

export type OperatorMetrics = Metrics<typeof operatorMetrics>;
