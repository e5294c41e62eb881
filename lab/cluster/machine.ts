import { acquireLock, findLockHolder, type Lock, type LockHolder } from '#lab/lock.ts';
import type { Progress } from '#lab/progress.ts';

const lockName = 'node';

export interface MachineRequest {
  /** What we use the machine for. Processes that wait for the lock of the machine print this text. */
  readonly what: string;
  readonly progress: Progress;
  /** Ends the wait. Default: waits without a limit. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Takes the lock of the machine, because only one node fits a machine. While it waits, it prints which process holds
 * the lock. A program that also starts Kafka and PostgreSQL on `hostAddress` takes the lock first, and passes the lock
 * to `startCluster`.
 */
export async function acquireMachine({ what, progress, signal }: MachineRequest): Promise<Lock> {
  return await acquireLock({
    name: lockName,
    what,
    ...(signal === undefined ? {} : { signal }),
    onWait: (holder) => {
      const who = holder
        ? `${holder.what} (process ${holder.pid}, since ${holder.since})`
        : 'a process that does not respond';
      progress.note(
        `Only one Kubernetes node can run on this machine, and it belongs to ${who}. Waiting until that process ends.`,
      );
    },
  });
}

/** Finds the current holder of the machine's lock. Undefined if the lock is free. */
export async function findMachineHolder(): Promise<LockHolder | undefined> {
  return await findLockHolder(lockName);
}
