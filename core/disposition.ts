/** The result of a log record. Every record has exactly one disposition. */
export const dispositions = ['applied', 'duplicate', 'conflict', 'parked', 'expired'] as const;
type Disposition = (typeof dispositions)[number];

/** How many records of a partition have each disposition. */
export type DispositionCounts = Readonly<Record<Disposition, bigint>>;
