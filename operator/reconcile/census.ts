import type { Status } from '#operator/api/types.ts';
import type { OperatorMetrics } from '#operator/metrics.ts';

const states = ['ready', 'reconciling', 'stalled', 'deleting'] as const;
type State = (typeof states)[number];
const exactStatuses = ['True', 'False', 'Unknown'] as const;

/** Counts the pipelines by state for the metrics, which have no series for single pipelines. */
export interface Census {
  see(key: string, status: Status | undefined, options?: { readonly isDeleting: boolean }): void;
  forget(key: string): void;
}

export function createCensus(metrics: OperatorMetrics): Census {
  const seen = new Map<string, { state: State; exact: string }>();

  function publish(): void {
    const all = [...seen.values()];
    for (const state of states) {
      metrics.sumpipeline_operator_pipelines.set({ state }, all.filter((one) => one.state === state).length);
    }
    for (const status of exactStatuses) {
      const count = all.filter(({ exact }) => exact === status).length;
      metrics.sumpipeline_operator_pipelines_exact.set({ status }, count);
    }
  }

  return {
    see(key, status, options) {
      const next = { state: stateOf(status, options?.isDeleting ?? false), exact: statusOf(status, 'TotalExact') };
      const before = seen.get(key);
      if (before?.state === next.state && before.exact === next.exact) return;
      seen.set(key, next);
      publish();
    },
    forget(key) {
      if (seen.delete(key)) publish();
    },
  };
}

function stateOf(status: Status | undefined, isDeleting: boolean): State {
  if (isDeleting) return 'deleting';
  if (statusOf(status, 'Stalled') === 'True') return 'stalled';
  return statusOf(status, 'Ready') === 'True' ? 'ready' : 'reconciling';
}

function statusOf(status: Status | undefined, type: string): string {
  return status?.conditions?.find((condition) => condition.type === type)?.status ?? 'Unknown';
}
