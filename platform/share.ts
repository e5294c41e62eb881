/**
 * Returns a function that runs one call at a time: callers that come during a call get the result of that call, errors
 * included. The next call after that runs again.
 */
export function shareWhileOpen<T>(ask: () => Promise<T>): () => Promise<T> {
  let open: Promise<T> | undefined;
  return () => {
    open ??= ask().finally(() => {
      open = undefined;
    });
    return open;
  };
}
