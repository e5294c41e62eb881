import { waitFor } from '#lab/process/wait.ts';

/**
 * Waits until the API server serves the CRDs. `crds` are arguments of kubectl: names such as `crd/NAME`, or `crd` and
 * `--all`. For a new CRD without a status, kubectl wait fails because it cannot read the conditions, so the call is
 * retried.
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
