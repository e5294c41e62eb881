import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pause } from './time.ts';

/** Time between two reads, in ms. 5 s add little delay: the kubelet itself needs up to a minute to update a Secret. */
const lookEveryMs = 5000;

/**
 * Resolves when one of the files has changed, appeared or disappeared, or when the signal is aborted. Compares the
 * content of the files, because Kubernetes changes a mounted Secret by replacing a symlink.
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
