import { acquireLock, findLockHolder, type Lock, type LockHolder } from '#lab/lock.ts';
import type { Progress } from '#lab/progress.ts';

const lockName = 'node';

export interface MachineRequest {
  /** What we do with the machine; those who wait for us read it. */
  readonly what: string;
  readonly progress: Progress;
  /** Ends the waiting. Default: waits for ever. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * One node fits a machine: takes the machine's lock, saying who has it while it waits. A program that brings more than
 * the cluster (Kafka and PostgreSQL on `hostAddress`) takes it first and hands it to `startCluster`.
 */
export async function acquireMachine({ what, progress, signal }: MachineRequest): Promise<Lock> {
  return await acquireLock({
    name: lockName,
    what,
    ...(signal === undefined ? {} : { signal }),
    onWait: (holder) => {
      const who = holder
        ? `${holder.what} (process ${holder.pid}, since ${holder.since})`
        : 'a process that does not answer';
      progress.note(`One Kubernetes node fits this machine, and ${who} has it. Waiting until that ends.`);
    },
  });
}

/** Who has the machine now; undefined when nobody has. */
export async function findMachineHolder(): Promise<LockHolder | undefined> {
  return await findLockHolder(lockName);
}
