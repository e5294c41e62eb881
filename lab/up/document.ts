import { proofJson } from '#cli/output/proof.ts';
import type { GetProofResponse } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';

/** One total, with the fields of `Total`. */
export interface OnceTotal {
  readonly series: string;
  readonly total: string;
  /** Number of additions. It is a string, because JSON numbers are too short for 64 bits. */
  readonly count: string;
}

/** The output of `up --once -o json`: always one document, also on failure. */
export interface OnceDocument {
  /** Sorted by the bytes of the series. */
  readonly totals: readonly OnceTotal[];
  /** The JSON mapping of GetProofResponse. */
  readonly proof: unknown;
  /** Why the run failed. Absent if it succeeded. */
  readonly error?: string;
}

export function buildOnceDocument(result: {
  totals: readonly OnceTotal[];
  proof: GetProofResponse | undefined;
  error?: string | undefined;
  at: Date;
}): OnceDocument {
  const { totals, proof, error, at } = result;
  return {
    totals: totals.toSorted((a, b) => Buffer.compare(Buffer.from(a.series), Buffer.from(b.series))),
    proof:
      proof === undefined
        ? { exact: false, reason: 'NotRead', message: error ?? '', partitions: [], at: at.toISOString() }
        : proofJson(proof),
    ...(error === undefined ? {} : { error }),
  };
}
