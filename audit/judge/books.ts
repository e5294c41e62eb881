import type { Amount } from '#audit/record/amount.ts';

/** A row of the ledger: an addition that was counted, and where. */
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

/** A record that was kept aside because its id counts with other operands. */
export interface ConflictRow {
  readonly offset: bigint;
  readonly requestId: string;
  readonly series: string;
  readonly a: Amount;
  readonly b: Amount;
}

/** A record that was kept aside because it could not be read. The hashes are SHA-256, in hex; undefined: absent. */
export interface ParkedRow {
  readonly offset: bigint;
  readonly keyHash: string | undefined;
  readonly valueHash: string | undefined;
  readonly reason: string;
}

/** What the books say of one partition. */
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

/** Between which offsets the ledger has rows of a partition, and what its books say that they have counted. */
export interface LedgerExtent {
  readonly logEpoch: number;
  readonly partition: number;
  readonly lowest: bigint;
  readonly highest: bigint;
  /** Undefined: the books do not list the partition. */
  readonly counted: { readonly from: bigint; readonly to: bigint } | undefined;
}
