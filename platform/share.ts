/**
 * Answers a function that asks once at a time: callers who come while a question is open get its answer, error included.
 * The next call after that asks again.
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
