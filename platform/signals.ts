/**
 * Resolves with the first SIGTERM or SIGINT. As pid 1 a process without a handler ignores both, so call this before
 * anything slow. A second signal ends the process at once.
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
 * Waits for work, or stops waiting when the signal aborts; returns whether the work is done. After the abort the result
 * of the work is ignored: the caller that aborts also releases its resources. Rejects as the work does.
 */
export async function doneUnlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  work.catch(() => {}); // heard in the race, or left behind
  await Promise.race([work, untilAborted(signal)]);
  return !signal.aborted;
}

/** Resolves when the signal is aborted, at once if it already is. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
