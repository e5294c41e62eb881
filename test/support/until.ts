/** Waits until `look` answers something; a look that throws counts as "not yet". Fails with what was seen last. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 60_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  let seen: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      seen = found;
    } catch (error) {
      seen = error;
    }
    if (Date.now() > deadline) {
      const last = seen instanceof Error ? seen.message : String(seen);
      throw new Error(`${what}: not within ${deadlineMs} ms; last seen: ${last}`, { cause: seen });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
