/**
 * Resolves with the first SIGTERM or SIGINT. A second signal ends the process immediately. Call this function first:
 * without a handler, a process with pid 1 ignores both signals.
 */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let isFirst = true;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (!isFirst) process.exit(1);
        isFirst = false;
        resolve(signal);
      });
    }
  });
}

/**
 * Waits until the work is done or the signal is aborted. Returns true if the work is done. Rejects if the work rejects
 * first. After the abort the result of the work is ignored. The caller that aborts also ends the work.
 */
export async function doneUnlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  work.catch(() => {}); // the race reports the error, unless the signal is aborted first
  await Promise.race([work, untilAborted(signal)]);
  return !signal.aborted;
}

/** Resolves when the signal is aborted. Resolves immediately if it is already aborted. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
