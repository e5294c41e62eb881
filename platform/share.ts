/**
 * Returns a function that calls `ask`, but never starts a second call while one is running. Callers in that time get
 * the result or error of the running call. A later call starts `ask` again.
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
