import { inspect } from 'node:util';
import { waitFor } from '#lab/process/wait.ts';

/** Waits until a condition is true. If it stays false, the error shows what was seen last. */
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
    throw new Error(
      `${what} did not come within ${timeoutMs} ms; seen: ${inspect(seen(), { depth: 6, breakLength: 120 })}`,
      {
        cause: error,
      },
    );
  }
}

/** Waits until `check` returns true. If it does not, the error shows what `check` returned last. */
export async function eventually(what: string, check: () => unknown, timeoutMs = 20_000): Promise<void> {
  let seen: unknown;
  await waitFor({ what, timeoutMs, intervalMs: 10 }, async () => {
    seen = await check();
    if (seen === true) return true;
    throw new Error(inspect(seen, { depth: 6, breakLength: 120 }));
  });
}
