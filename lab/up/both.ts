/**
 * Runs two functions at the same time. If one fails, aborts the other and waits until it ends. Until then it may still
 * acquire something that the caller must release. Throws the first failure.
 */
export async function bothOrNeither<One, Other>(
  outer: AbortSignal,
  one: (signal: AbortSignal) => Promise<One>,
  other: (signal: AbortSignal) => Promise<Other>,
): Promise<[One, Other]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const watched = <T>(work: Promise<T>) =>
    work.catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
      throw error;
    });
  const working = [watched(one(signal)), watched(other(signal))] as const;
  await Promise.allSettled(working);
  outer.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return await Promise.all(working);
}
