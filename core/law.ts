import { type DispositionCounts, dispositions } from './disposition.ts';

/** The counters of one partition, as PostgreSQL keeps them. Offsets are 64 bit. */
export interface PartitionBooks extends DispositionCounts {
  readonly logEpoch: number;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
}

/**
 * Checks the conservation law: every offset from firstOffset to nextOffset - 1 has exactly one disposition. Returns
 * what is wrong, with the numbers, or undefined if the law holds.
 */
export function lawViolation(books: PartitionBooks): string | undefined {
  const counted = dispositions.reduce((sum, disposition) => sum + books[disposition], 0n);
  const covered = books.nextOffset - books.firstOffset;
  if (covered === counted) return undefined;
  const parts = dispositions.map((disposition) => `${disposition} ${books[disposition]}`).join(' + ');
  return (
    `partition ${books.partition}: ${covered} offsets (${books.firstOffset} to ${books.nextOffset - 1n}) ` +
    `but ${counted} dispositions (${parts})`
  );
}
