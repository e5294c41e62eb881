import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '#cli/context.ts';
import { stateRoot } from '#lab/cache.ts';
import { removeNode } from '#lab/cluster/cluster.ts';
import { acquireMachine, findMachineHolder } from '#lab/cluster/machine.ts';
import { createProgress } from '#lab/progress.ts';
import { upNames } from './up.ts';

/**
 * Ends the `npm start` of this machine with SIGTERM, and removes what a killed `npm start` left. If another process,
 * such as a test, holds the lock of the machine, prints the name of that process and waits until it ends.
 */
export async function down({ data }: { data: boolean }, context: Context): Promise<void> {
  const progress = createProgress({ stream: context.stderr, now: context.now });
  const holder = await findMachineHolder();
  if (holder !== undefined && Object.values<string>(upNames).includes(holder.what)) {
    progress.note(`Stopping ${holder.what} (process ${holder.pid}, since ${holder.since}).`);
    process.kill(holder.pid, 'SIGTERM');
  }
  await using _machine = await acquireMachine({ what: 'npm run down', progress, signal: context.signal });
  await progress.step('Remove what is left of the cluster', () => removeNode());
  // These two keep no data. A killed start left them.
  for (const name of ['once', 'scale']) await rm(join(stateRoot(), name), { recursive: true, force: true });
  if (data) await progress.step('Remove the data', () => rm(join(stateRoot(), 'up'), { recursive: true, force: true }));
}
