import type { WorkloadHealth } from '#operator/observe/deployment.ts';
import { observeVerdict } from '#operator/observe/verdict.ts';
import type { StatusInput } from '#operator/status/input.ts';

export const readyWorkload: WorkloadHealth = { state: 'ready', reason: 'Ready', message: 'ready', ready: 2, wanted: 2 };
export const rollingOut: WorkloadHealth = {
  state: 'progressing',
  reason: 'PodsNotReady',
  message: 'Deployment orders-aggregator: pods are not ready yet',
  ready: 1,
  wanted: 2,
};
const good = (reason: string) => ({ ok: true, reason, message: 'good' });

/** Returns input in which everything is ok, with the given changes. */
export function input(more: Partial<StatusInput> = {}): StatusInput {
  return {
    previous: undefined,
    generation: 2,
    now: '2026-01-01T00:00:00Z',
    issues: [],
    kafka: { problem: undefined, topic: undefined },
    workloads: { calculator: readyWorkload, aggregator: readyWorkload },
    verdict: {
      ...observeVerdict(undefined, []),
      exact: { status: 'True', reason: 'Exact', message: 'exact' },
      kafka: good('Connected'),
      store: good('Connected'),
      durability: good('Durable'),
    },
    autoscaling: {
      components: [],
      isMonitoringEnabled: false,
      prometheusRules: 'synced',
      scaledObjects: 'notInstalled',
      metricsApis: { external: { state: 'absent' }, resource: { state: 'absent' } },
      hasTolerance: true,
      partitions: undefined,
      rulesName: 'orders-scaling',
      namespace: 'shop',
    },
    monitoring: { state: 'disabled' },
    drift: [],
    shown: {
      image: 'sumpipeline:1',
      bootstrap: 'kafka-1:9096',
      topic: 'shop.orders',
      log: { epoch: 1, topic: 'shop.orders', clusterId: 'cluster', topicId: 'topic' },
      logInUseBy: undefined,
      endpoints: { calculator: { http: 'http://c', grpc: 'c' }, aggregator: { http: 'http://a', grpc: 'a' } },
    },
    ...more,
  };
}
