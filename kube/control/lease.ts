import type { KubeObject, Live, Resource } from '#kube/client/object.ts';

export interface Lease extends KubeObject {
  spec?: {
    /** Null or absent: no process holds the Lease. */
    holderIdentity?: string | null;
    leaseDurationSeconds?: number | null;
    acquireTime?: string | null;
    renewTime?: string | null;
    leaseTransitions?: number | null;
  };
}

export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};

/** Defaults are client-go's. All in ms; `leaseDurationMs` is whole seconds, because the Lease stores those. */
export interface ElectionDurations {
  /** Others take over when they saw no renewal for this long. Default 15,000. */
  readonly leaseDurationMs: number;
  /**
   * The leader stops writing when its last renewal began longer ago than this. Below `leaseDurationMs`. Default 10,000.
   */
  readonly renewDeadlineMs: number;
  /** Between two renewals, or two looks of a candidate. Well below `renewDeadlineMs`. Default 2,000. */
  readonly retryPeriodMs: number;
}

export const defaultDurations: ElectionDurations = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** Throws with the violated relation. */
export function checkDurations(durations: ElectionDurations): void {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = durations;
  if (!Number.isInteger(leaseDurationMs / 1000) || leaseDurationMs < 1000) {
    throw new Error(`the lease duration must be whole seconds, at least one; it is ${leaseDurationMs} ms`);
  }
  if (renewDeadlineMs >= leaseDurationMs) {
    throw new Error(
      `the renew deadline (${renewDeadlineMs} ms) must be below the lease duration (${leaseDurationMs} ms), or two processes lead at once`,
    );
  }
  if (retryPeriodMs <= 0 || retryPeriodMs * 2 > renewDeadlineMs) {
    throw new Error(
      `the retry period (${retryPeriodMs} ms) must fit twice into the renew deadline (${renewDeadlineMs} ms), or one lost request ends a term`,
    );
  }
}

/** A Lease as it was first seen in this state, on our own monotonic clock: no other machine's time is ever compared. */
export interface Observation {
  readonly lease: Live<Lease> | undefined;
  readonly sinceMs: number;
}

/** Records a Lease that was just read. Only writes of its holder count: a new label does not extend a term. */
export function noteLease(
  previous: Observation | undefined,
  lease: Live<Lease> | undefined,
  nowMs: number,
): Observation {
  if (previous !== undefined && stateOf(previous.lease) === stateOf(lease)) return { lease, sinceMs: previous.sinceMs };
  return { lease, sinceMs: nowMs };
}

export type Decision =
  | { readonly action: 'create' }
  /** Write ourselves into it, on this resourceVersion. `isTransition`: the holder changes. */
  | { readonly action: 'take'; readonly lease: Live<Lease>; readonly isTransition: boolean }
  | { readonly action: 'wait'; readonly holder: string };

/** What a candidate does after an observation. */
export function decide(
  observation: Observation,
  identity: string,
  fallbackDurationMs: number,
  nowMs: number,
): Decision {
  const { lease } = observation;
  if (lease === undefined) return { action: 'create' };
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder === '' || holder === identity) return { action: 'take', lease, isTransition: holder === '' };
  // The duration in the Lease counts, not our setting: during an upgrade the two may differ.
  const seconds = lease.spec?.leaseDurationSeconds ?? 0;
  const durationMs = seconds > 0 ? seconds * 1000 : fallbackDurationMs;
  if (nowMs - observation.sinceMs >= durationMs) return { action: 'take', lease, isTransition: true };
  return { action: 'wait', holder };
}

function stateOf(lease: Live<Lease> | undefined): string {
  const spec = lease?.spec ?? {};
  return JSON.stringify([
    lease?.metadata.uid,
    spec.holderIdentity,
    spec.acquireTime,
    spec.renewTime,
    spec.leaseTransitions,
  ]);
}

/** Kubernetes' MicroTime. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
