/**
 * Returns a function that runs `ask` once at a time. Callers that come during a run get the result or error of that
 * run. A later call starts a new run.
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
