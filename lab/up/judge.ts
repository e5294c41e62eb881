import type { ImportSummary } from '#cli/import/summary.ts';
import { findDoubt } from '#cli/output/proof.ts';
import type { GetProofResponse } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { OnceTotal } from './document.ts';

/** What a run of `up --once` came to, as far as its verdict needs it. */
export interface OnceEvidence {
  readonly summary: Pick<ImportSummary, 'rows' | 'accepted' | 'replayed' | 'rejected'>;
  readonly totals: readonly OnceTotal[];
  readonly proof: GetProofResponse;
}

/** Why a run is not good: the worst finding alone. Undefined when all is well. */
export function judge({ summary, totals, proof }: OnceEvidence): string | undefined {
  const doubt = findDoubt(proof);
  if (doubt !== undefined) return `not exact: ${doubt.reason}: ${doubt.message}`;
  const counted = totals.reduce((sum, { count }) => sum + BigInt(count), 0n);
  // Each row has an id of its own, so what was acknowledged is what must be counted.
  const acknowledged = BigInt(summary.accepted + summary.replayed);
  if (counted !== acknowledged) return `${acknowledged} additions were acknowledged, but ${counted} are counted`;
  if (summary.rejected > 0) return `${summary.rejected} of ${summary.rows} rows of the input were rejected`;
  return undefined;
}
