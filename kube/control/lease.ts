import type { KubeObject, Live, Resource } from '#kube/client/object.ts';

export interface Lease extends KubeObject {
  spec?: {
    /** Null or absent means that no process holds the Lease. */
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

/** Durations in ms. The defaults are those of client-go. The Lease stores `leaseDurationMs` as whole seconds. */
export interface ElectionDurations {
  /** Another process takes over if it saw no renewal for this long. Default 15,000. */
  readonly leaseDurationMs: number;
  /**
   * The leader stops writing this long after the start of its last renewal. Must be below `leaseDurationMs`. Default
   * 10,000.
   */
  readonly renewDeadlineMs: number;
  /** Time between two renewals, or two reads of a candidate. At most half of `renewDeadlineMs`. Default 2,000. */
  readonly retryPeriodMs: number;
}

export const defaultDurations: ElectionDurations = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

/** Throws if the durations could allow two leaders, or if one lost request would end a term. */
export function checkDurations(durations: ElectionDurations): void {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = durations;
  if (!Number.isInteger(leaseDurationMs / 1000) || leaseDurationMs < 1000) {
    throw new Error(`the lease duration must be whole seconds, at least one; it is ${leaseDurationMs} ms`);
  }
  if (renewDeadlineMs >= leaseDurationMs) {
    throw new Error(
      `the renew deadline (${renewDeadlineMs} ms) must be below the lease duration (${leaseDurationMs} ms), otherwise two processes lead at once`,
    );
  }
  if (retryPeriodMs <= 0 || retryPeriodMs * 2 > renewDeadlineMs) {
    throw new Error(
      `the retry period (${retryPeriodMs} ms) must fit twice into the renew deadline (${renewDeadlineMs} ms), otherwise one lost request ends a term`,
    );
  }
}

/**
 * A Lease, and the time on our monotonic clock when we first saw it in this state. Clocks of other machines are not
 * used.
 */
export interface Observation {
  readonly lease: Live<Lease> | undefined;
  readonly sinceMs: number;
}

/**
 * Records a Lease that was just read. `sinceMs` changes only if the holder wrote the Lease. A new label, for instance,
 * does not change it.
 */
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
  /** Write our identity into the Lease of this resourceVersion. `isTransition` means that the holder changes. */
  | { readonly action: 'take'; readonly lease: Live<Lease>; readonly isTransition: boolean }
  | { readonly action: 'wait'; readonly holder: string };

/** Decides what a candidate does after an observation. */
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
  // Use the duration in the Lease, not our setting: during an upgrade they may differ.
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

/** Formats a time as MicroTime of Kubernetes. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}
