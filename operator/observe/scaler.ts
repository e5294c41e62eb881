import type { LiveChild } from './objects.ts';

const hpaKind = 'HorizontalPodAutoscaler';
const scalerKinds: ReadonlySet<string> = new Set([hpaKind, 'ScaledObject']);

/**
 * Returns the autoscalers that write the replicas of a Deployment: ours, and the HPA that KEDA makes from our
 * ScaledObject (that HPA has our labels). An autoscaler that is being deleted counts: it writes until it is gone.
 */
export function scalersOf(live: readonly LiveChild[], deployment: string): readonly LiveChild[] {
  return live.filter(({ kind, spec }) => scalerKinds.has(kind) && spec?.scaleTargetRef?.name === deployment);
}

/** Returns the HPA that scales a Deployment: ours, or the HPA that KEDA made. */
export function hpaOf(live: readonly LiveChild[], deployment: string): LiveChild | undefined {
  return scalersOf(live, deployment).find(({ kind }) => kind === hpaKind);
}
