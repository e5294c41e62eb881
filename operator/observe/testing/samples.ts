import type { Verdict } from '#contract/verdict.ts';
import type { ContainerStatus, LiveDeployment, LiveMetadata, LivePod } from '#operator/observe/objects.ts';

let count = 0;

export function metadata(name: string, more: Partial<LiveMetadata> = {}): LiveMetadata {
  count += 1;
  return { name, namespace: 'shop', uid: `uid-${count}`, resourceVersion: String(count), ...more };
}

/** Makes a pod as the kubelet reports it. `ready` also sets condition Ready of the pod. */
export function pod(
  name: string,
  options: { ready?: boolean; container?: Partial<ContainerStatus>; metadata?: Partial<LiveMetadata> } & Pick<
    NonNullable<LivePod['status']>,
    'phase'
  > = {},
): LivePod {
  const { ready = false, container = {}, phase = 'Running' } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(name, options.metadata),
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      containerStatuses: [{ name: 'sumpipeline', ready, image: 'sumpipeline:1', ...container }],
    },
  };
}

/** Makes a Deployment with the given numbers of pods. By default its rollout is complete. */
export function deployment(
  name: string,
  options: {
    replicas?: number;
    ready?: number;
    updated?: number;
    existing?: number;
    generation?: number;
    observedGeneration?: number;
    conditions?: NonNullable<LiveDeployment['status']>['conditions'] & object;
    metadata?: Partial<LiveMetadata>;
  } = {},
): LiveDeployment {
  const { replicas = 3, generation = 1 } = options;
  const { ready = replicas, updated = replicas, existing = updated, observedGeneration = generation } = options;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(name, { generation, ...options.metadata }),
    spec: { replicas },
    status: {
      observedGeneration,
      replicas: existing,
      updatedReplicas: updated,
      readyReplicas: ready,
      availableReplicas: ready,
      conditions: options.conditions ?? [],
    },
  };
}

export function verdict(more: Partial<Verdict> = {}): Verdict {
  return {
    at: '2026-01-01T00:00:00Z',
    exact: true,
    reason: 'Exact',
    message: 'every record has one disposition',
    kafka: { ok: true, reason: 'Connected', message: 'connected' },
    store: { ok: true, reason: 'Connected', message: 'connected' },
    durability: { ok: true, reason: 'Durable', message: 'RF 3, min ISR 2' },
    halts: [],
    drained: false,
    ...more,
  };
}
