import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pause } from './time.ts';

/** The kubelet takes up to a minute to bring a new Secret into a pod: looking more often finds nothing sooner. */
const lookEveryMs = 5000;

/**
 * Resolves when the content of any of the files has changed, appeared or gone; also (without a change) when the
 * signal aborts. Content is compared, not inodes: mounted Secrets change by a swapped symlink.
 */
export async function untilFilesChange(
  paths: readonly string[],
  signal: AbortSignal,
  everyMs: number = lookEveryMs,
): Promise<void> {
  const before = await digestOf(paths);
  while (!signal.aborted) {
    await pause(everyMs, signal);
    if ((await digestOf(paths)) !== before) return;
  }
}

async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = await readFile(path).catch(() => undefined);
    hash.update(content === undefined ? 'absent' : createHash('sha256').update(content).digest('hex'));
  }
  return hash.digest('hex');
}
