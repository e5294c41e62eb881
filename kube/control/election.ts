import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import { apiVersionOf, keyOf, type Live, type ObjectName } from '#kube/client/object.ts';
import { type Clock, sleep } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import {
  checkDurations,
  decide,
  defaultDurations,
  type ElectionDurations,
  type Lease,
  leases,
  microTime,
  noteLease,
  type Observation,
} from './lease.ts';

export interface ElectionOptions {
  readonly client: KubeClient;
  /** The Lease. Its namespace must exist. */
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique for each process: the name of the pod and a random part, which changes at each restart. */
  readonly identity: string;
  readonly durations?: Partial<ElectionDurations>;
  readonly clock: Clock;
  /** Returns a random number in [0, 1). It spreads the requests of several candidates over time. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

export interface Leadership {
  /** Aborts if this process loses the Lease. */
  readonly lost: AbortSignal;
  /**
   * Throws if the term has ended by the clock, even if no timer has fired yet: a process that was paused for a minute
   * may run other code before its timers.
   */
  assertHeld(): void;
}

class LeadershipLostError extends Error {
  constructor(why: string) {
    super(`leadership lost: ${why}`);
    this.name = 'LeadershipLostError';
  }
}

/**
 * Waits for the Lease, then runs `lead` and renews the Lease. If the Lease is lost, waits for it again. When `signal`
 * aborts, `lead` must end by itself. The Lease is renewed until `lead` has ended, and is then released.
 *
 * Times after the start of the last successful renewal:
 * - before `renewDeadlineMs`: this process may write.
 * - from `renewDeadlineMs` on: this process is fenced, which means that it sends no write.
 * - from `leaseDurationMs` on: another process may take the Lease. The time between the two limits is a safety margin.
 */
export async function runElection(
  options: ElectionOptions,
  signal: AbortSignal,
  lead: (leadership: Leadership) => Promise<void>,
): Promise<void> {
  const durations = { ...defaultDurations, ...options.durations };
  checkDurations(durations);
  const labels = { name: options.lease.name };
  options.metrics.leader_election_master_status.set(labels, 0);
  while (!signal.aborted) {
    const held = await acquire(options, durations, signal);
    if (held === undefined) return;
    options.logger.info({ lease: keyOf(options.lease), identity: options.identity }, 'leading');
    options.metrics.leader_election_master_status.set(labels, 1);
    try {
      await leadOneTerm(options, durations, held, lead);
    } finally {
      options.metrics.leader_election_master_status.set(labels, 0);
    }
  }
}

/** A successful write of the Lease. The term lasts `renewDeadlineMs` from `sentAtMs`, the start of the request. */
interface Held {
  readonly lease: Live<Lease>;
  readonly sentAtMs: number;
}

async function acquire(
  options: ElectionOptions,
  durations: ElectionDurations,
  signal: AbortSignal,
): Promise<Held | undefined> {
  const { client, clock, logger } = options;
  let observation: Observation | undefined;
  let lastHolder: string | undefined;
  while (!signal.aborted) {
    try {
      const lease = await client.find(leases, options.lease, { signal, timeoutMs: durations.renewDeadlineMs });
      observation = noteLease(observation, lease, clock.monotonicMs());
      const decision = decide(observation, options.identity, durations.leaseDurationMs, clock.monotonicMs());
      if (decision.action !== 'wait') {
        const sentAtMs = clock.monotonicMs();
        const written =
          decision.action === 'create'
            ? await createLease(options, durations, signal)
            : await writeHolder(options, durations, decision.lease, decision.isTransition, signal);
        return { lease: written, sentAtMs };
      }
      if (decision.holder !== lastHolder) logger.info({ holder: decision.holder }, 'standby: another process leads');
      lastHolder = decision.holder;
    } catch (error) {
      if (signal.aborted) return undefined;
      // A conflict means that another candidate was faster. Do not log it.
      if (!isKubernetesError(error, 'conflict', 'alreadyExists'))
        logger.warn({ error }, 'the Lease could not be acquired; it is retried');
    }
    await sleep(clock, durations.retryPeriodMs * (1 + 0.2 * options.random()), signal);
  }
  return undefined;
}

async function leadOneTerm(
  options: ElectionOptions,
  durations: ElectionDurations,
  acquired: Held,
  lead: (leadership: Leadership) => Promise<void>,
): Promise<void> {
  const { clock, logger } = options;
  const lost = new AbortController();
  const ended = new AbortController();
  let held = acquired;
  const heldUntilMs = () => held.sentAtMs + durations.renewDeadlineMs;
  const lose = (why: string) => {
    if (lost.signal.aborted) return;
    logger.warn({ lease: keyOf(options.lease), why }, 'leadership lost');
    lost.abort(new LeadershipLostError(why));
  };
  const assertHeld = () => {
    if (clock.monotonicMs() >= heldUntilMs()) lose(`no renewal for ${durations.renewDeadlineMs} ms`);
    lost.signal.throwIfAborted();
  };

  const over = AbortSignal.any([lost.signal, ended.signal]);
  const renewing = (async () => {
    while (!over.aborted) {
      await sleep(clock, durations.retryPeriodMs, over);
      if (over.aborted) return;
      const renewed = await renew(options, durations, held, heldUntilMs(), lost.signal);
      if (renewed === 'lost') return lose('the Lease is gone or another process holds it');
      if (renewed !== undefined) held = renewed;
      if (clock.monotonicMs() >= heldUntilMs()) return lose(`no renewal for ${durations.renewDeadlineMs} ms`);
    }
  })();
  // This timer ends the term even if a renewal hangs.
  let cancelFence = () => {};
  const armFence = () => {
    cancelFence = clock.after(heldUntilMs() - clock.monotonicMs(), () => {
      if (clock.monotonicMs() >= heldUntilMs()) lose(`no renewal for ${durations.renewDeadlineMs} ms`);
      else armFence();
    });
  };
  armFence();
  try {
    await lead({ lost: lost.signal, assertHeld });
  } finally {
    cancelFence();
    ended.abort();
    await renewing;
    if (!lost.signal.aborted) await release(options, held);
  }
}

/** Renews the Lease once. Returns the new state, `lost`, or undefined if the renewal failed but a retry may succeed. */
async function renew(
  options: ElectionOptions,
  durations: ElectionDurations,
  held: Held,
  heldUntilMs: number,
  signal: AbortSignal,
): Promise<Held | 'lost' | undefined> {
  const { client, clock, logger } = options;
  // A request that hangs must leave time for another request before the term ends.
  const timeoutMs = () => Math.max(1, Math.min(heldUntilMs - clock.monotonicMs(), durations.renewDeadlineMs / 2));
  const write = async (lease: Live<Lease>): Promise<Held> => {
    const sentAtMs = clock.monotonicMs();
    return { lease: await writeHolder(options, durations, lease, false, signal, timeoutMs()), sentAtMs };
  };
  try {
    try {
      return await write(held.lease);
    } catch (error) {
      if (!isKubernetesError(error, 'conflict')) throw error;
    }
    // The Lease was written after our last renewal: by us if the response was lost, by a user who set a label, or by a
    // new holder.
    const lease = await client.get(leases, options.lease, { signal, timeoutMs: timeoutMs() });
    return lease.spec?.holderIdentity === options.identity ? await write(lease) : 'lost';
  } catch (error) {
    if (signal.aborted) return undefined;
    if (isKubernetesError(error, 'notFound')) return 'lost';
    logger.warn({ error, lease: keyOf(options.lease) }, 'the Lease could not be renewed; it is retried');
    return undefined;
  }
}

/**
 * Releases the Lease so that a standby takes over at its next check. If the release fails, the Lease expires instead.
 */
async function release(options: ElectionOptions, held: Held): Promise<void> {
  try {
    const patch = {
      metadata: { resourceVersion: held.lease.metadata.resourceVersion },
      spec: { holderIdentity: null, leaseDurationSeconds: 1, renewTime: microTime(options.clock.wallMs()) },
    };
    await options.client.mergePatch(leases, options.lease, patch, { fieldManager, timeoutMs: 5_000 });
    options.logger.info({ lease: keyOf(options.lease) }, 'the Lease was released');
  } catch (error) {
    options.logger.warn({ error, lease: keyOf(options.lease) }, 'the Lease could not be released and will expire');
  }
}

const fieldManager = 'leader-election';

function createLease(
  options: ElectionOptions,
  durations: ElectionDurations,
  signal: AbortSignal,
): Promise<Live<Lease>> {
  const now = microTime(options.clock.wallMs());
  const lease: Lease = {
    apiVersion: apiVersionOf(leases),
    kind: leases.kind,
    metadata: { ...options.lease },
    spec: {
      holderIdentity: options.identity,
      leaseDurationSeconds: durations.leaseDurationMs / 1000,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    },
  };
  return options.client.create(leases, lease, { fieldManager, signal, timeoutMs: durations.renewDeadlineMs });
}

function writeHolder(
  options: ElectionOptions,
  durations: ElectionDurations,
  lease: Live<Lease>,
  isTransition: boolean,
  signal: AbortSignal,
  timeoutMs = durations.renewDeadlineMs,
): Promise<Live<Lease>> {
  const now = microTime(options.clock.wallMs());
  const name: ObjectName = options.lease;
  const patch = {
    metadata: { resourceVersion: lease.metadata.resourceVersion },
    spec: {
      holderIdentity: options.identity,
      leaseDurationSeconds: durations.leaseDurationMs / 1000,
      renewTime: now,
      ...(isTransition ? { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 } : {}),
    },
  };
  return options.client.mergePatch(leases, name, patch, { fieldManager, signal, timeoutMs });
}
