import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type GetProofResponse,
  GetProofResponseSchema,
  type PartitionProof,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { lawViolation } from '#core/law.ts';
import { renderFields, renderTable } from './table.ts';

/** Returns the JSON mapping of `GetProofResponse`, empty fields included. */
export function proofJson(proof: GetProofResponse) {
  return toJson(GetProofResponseSchema, proof, { alwaysEmitImplicit: true });
}

/**
 * Returns why the totals are not proven exact. Undefined if the aggregator says that they are exact and our own check
 * agrees. This function checks the conservation law again, so that the result does not depend on the aggregator alone.
 */
export function findDoubt(proof: GetProofResponse): { readonly reason: string; readonly message: string } | undefined {
  const { exact, reason, message, partitions } = proof;
  if (!exact) return { reason, message };
  const violations = partitions.map(lawViolation).filter((violation) => violation !== undefined);
  return violations.length === 0
    ? undefined
    : { reason: 'the conservation law is violated', message: violations.join('; ') };
}

/** Renders the verdict, then the conservation law per partition. */
export function renderProof(proof: GetProofResponse): string {
  const { message, at, partitions } = proof;
  const doubt = findDoubt(proof);
  const verdict = renderFields([
    ['Exact', doubt === undefined ? 'yes' : `no (${doubt.reason})`],
    ['Message', doubt?.message ?? message],
    ['At', at === undefined ? '-' : timestampDate(at).toISOString()],
  ]);
  return `${verdict}\n${renderPartitions(partitions)}`;
}

export function renderPartitions(partitions: readonly PartitionProof[]): string {
  if (partitions.length === 0) return 'No partition has been read yet.\n';
  const epochs = new Set(partitions.map(({ logEpoch }) => logEpoch));
  const number = (heading: string, value: (proof: PartitionProof) => bigint) => ({
    heading,
    value,
    align: 'right' as const,
  });
  return renderTable<PartitionProof>(
    [
      ...(epochs.size > 1 ? [{ heading: 'Log', value: ({ logEpoch }: PartitionProof) => logEpoch }] : []),
      { heading: 'Partition', value: ({ partition }) => partition, align: 'right' },
      { heading: 'Offsets', value: describeOffsets },
      number('Applied', ({ applied }) => applied),
      number('Duplicate', ({ duplicate }) => duplicate),
      number('Conflict', ({ conflict }) => conflict),
      number('Parked', ({ parked }) => parked),
      number('Expired', ({ expired }) => expired),
      { heading: 'Law', value: (proof) => (lawViolation(proof) === undefined ? 'holds' : 'VIOLATED') },
      number('Lag', ({ logEnd, nextOffset }) => (logEnd > nextOffset ? logEnd - nextOffset : 0n)),
    ],
    partitions,
  );
}

function describeOffsets({ firstOffset, nextOffset }: PartitionProof): string {
  return nextOffset > firstOffset ? `${firstOffset}-${nextOffset - 1n}` : 'none';
}
