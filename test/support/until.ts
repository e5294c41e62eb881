import { waitFor } from '#tools/process/wait.ts';

/** Waits for a condition and, when it does not come, says what was seen instead. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  options: { timeoutMs?: number; seen?: () => unknown } = {},
): Promise<void> {
  const { timeoutMs = 15_000, seen } = options;
  try {
    await waitFor({ what, timeoutMs }, async () => ((await isTrue()) ? true : undefined));
  } catch (error) {
    if (seen === undefined) throw error;
    throw new Error(`${what} did not come within ${timeoutMs} ms; seen: ${JSON.stringify(seen(), printable, 1)}`, {
      cause: error,
    });
  }
}

function printable(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map) return [...value];
  return value instanceof Error ? value.message : value;
}
