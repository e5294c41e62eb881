import { runtimeMetrics } from '#kube/metrics.ts';
import type { Metrics } from '#platform/metrics.ts';

/**
 * All metrics of the operator, except those of the Node.js runtime. Dashboards and alerts may name only declared
 * metrics. Every label has a small fixed set of values. No label is the name of a pipeline: the number of series would
 * have no limit.
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
