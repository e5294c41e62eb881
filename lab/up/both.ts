/**
 * Runs two things at once. When one fails, the other is aborted, and it is awaited in any case, so that what
 * it acquired has its release registered. The first failure is thrown.
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
