import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '#cli/context.ts';
import { stateRoot } from '#tools/cache.ts';
import { removeNode } from '#tools/cluster/cluster.ts';
import { acquireMachine, findMachineHolder } from '#tools/cluster/machine.ts';
import { createProgress } from '#tools/progress.ts';

/** Ends the `up` of this machine and removes what is left; the caller said so, so the holder is asked to end. */
export async function down({ data }: { data: boolean }, context: Context): Promise<void> {
  const progress = createProgress({ stream: context.stderr, now: context.now });
  const holder = await findMachineHolder();
  if (holder !== undefined) {
    progress.note(`Asking ${holder.what} (process ${holder.pid}, since ${holder.since}) to end.`);
    process.kill(holder.pid, 'SIGTERM');
  }
  await using _machine = await acquireMachine({ what: 'sumctl down', progress, signal: context.signal });
  await progress.step('Remove what is left of the cluster', () => removeNode());
  await rm(join(stateRoot(), 'once'), { recursive: true, force: true });
  if (data) await progress.step('Remove the data', () => rm(join(stateRoot(), 'up'), { recursive: true, force: true }));
}
