import type { Amount } from '#audit/record/amount.ts';

/** A row of the ledger: a counted addition and its position. */
export interface LedgerRow {
  readonly requestId: string;
  readonly series: string;
  readonly a: Amount;
  readonly b: Amount;
  readonly value: Amount;
  readonly logEpoch: number;
  readonly partition: number;
  readonly offset: bigint;
}

/** A row of table conflicts: its request id is counted with other operands. */
export interface ConflictRow {
  readonly offset: bigint;
  readonly requestId: string;
  readonly series: string;
  readonly a: Amount;
  readonly b: Amount;
}

/** A row of table parked: an unreadable record. The hashes are SHA-256 in hex, undefined if key or value is absent. */
export interface ParkedRow {
  readonly offset: bigint;
  readonly keyHash: string | undefined;
  readonly valueHash: string | undefined;
  readonly reason: string;
}

/** A row of table partitions. */
export interface PartitionRow {
  readonly logEpoch: number;
  readonly partition: number;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  readonly applied: bigint;
  readonly duplicate: bigint;
  readonly conflict: bigint;
  readonly parked: bigint;
  readonly expired: bigint;
  readonly haltReason: string | undefined;
}

/** The total of a series in one partition. */
export interface TotalRow {
  readonly series: string;
  readonly total: Amount;
  readonly count: bigint;
}

/**
 * Two ranges of offsets of one partition. `lowest` to `highest` are its rows in the ledger. `counted` is the range in
 * its row of table partitions.
 */
export interface LedgerExtent {
  readonly logEpoch: number;
  readonly partition: number;
  readonly lowest: bigint;
  readonly highest: bigint;
  /** Undefined if table partitions does not list the partition. */
  readonly counted: { readonly from: bigint; readonly to: bigint } | undefined;
}
