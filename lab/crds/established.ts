import { waitFor } from '#lab/process/wait.ts';

/**
 * Waits until the API server has taken CRDs up: names as `crd/NAME`, or `crd` and `--all`. Of a CRD that is so new that
 * it has no status at all, kubectl wait says that its conditions cannot be read, and ends: it is asked again.
 */
export async function untilEstablished(
  kubectl: (args: string[]) => Promise<unknown>,
  crds: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const options = { what: 'the CRDs to be served', timeoutMs: 60_000, intervalMs: 200, ...(signal && { signal }) };
  await waitFor(options, async () => {
    await kubectl(['wait', '--for=condition=Established', '--timeout=30s', ...crds]);
    return true;
  });
}
