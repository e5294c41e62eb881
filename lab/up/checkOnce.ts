import type { ImportSummary } from '#cli/import/summary.ts';
import { findDoubt } from '#cli/output/proof.ts';
import type { GetProofResponse } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { OnceTotal } from './document.ts';

/** The results of a run of `up --once` that its verdict needs. */
export interface OnceEvidence {
  readonly summary: Pick<ImportSummary, 'rows' | 'accepted' | 'replayed' | 'rejected'>;
  readonly totals: readonly OnceTotal[];
  readonly proof: GetProofResponse;
}

/** Returns the most serious reason why a run failed. Undefined if the run passed. */
export function checkOnce({ summary, totals, proof }: OnceEvidence): string | undefined {
  const doubt = findDoubt(proof);
  if (doubt !== undefined) return `not exact: ${doubt.reason}: ${doubt.message}`;
  const counted = totals.reduce((sum, { count }) => sum + BigInt(count), 0n);
  // Each row has its own id, so exactly the acknowledged rows must be counted.
  const acknowledged = BigInt(summary.accepted + summary.replayed);
  if (counted !== acknowledged) return `${acknowledged} additions were acknowledged, but ${counted} are counted`;
  if (summary.rejected > 0) return `${summary.rejected} of ${summary.rows} rows of the input were rejected`;
  return undefined;
}
