import type { Addition } from '#core/addition.ts';
import type { PartitionBooks } from '#core/law.ts';
import type { Position } from '#core/vector.ts';

/**
 * The port to the ledger in PostgreSQL. It guarantees: a batch is applied completely or not at all; two owners never
 * both succeed; every commit keeps the conservation law. All offsets are 64 bit, all amounts are canonical decimal
 * text.
 */
export interface Ledger {
  /** Creates or upgrades the schema. Concurrent calls are safe; a schema newer than this program is refused. */
  migrate(): Promise<void>;
  /** Throws StoreIdentityError if the books belong to another pipeline. Needs no Kafka; an empty schema is accepted. */
  requireOwner(): Promise<void>;
  /**
   * The log that the books count; undefined until `identify` ran for the first time. From then on the log may hold
   * records that were never counted.
   */
  readLog(): Promise<LedgerIdentity | undefined>;
  /**
   * Stores the identity in an empty schema. Throws StoreIdentityError if the books belong to another pipeline or log.
   */
  identify(identity: LedgerIdentity): Promise<void>;
  /**
   * Claims a partition: from now on every earlier owner is fenced off. Checks the identity again. Throws FencedError if
   * another owner claimed the partition at the same moment.
   */
  claim(partition: number, owner: string): Promise<Claim>;
  /** One transaction, one round trip. Throws FencedError, BatchDataError, BooksError or StoreUnavailableError. */
  applyBatch(batch: LedgerBatch): Promise<BatchOutcome>;
  /** Stores why a partition is halted, for every replica and the next process. Throws FencedError. */
  halt(halt: LedgerHalt): Promise<void>;
  /** The total of one series with the vector up to which it counts; undefined if the series has no additions yet. */
  readTotal(series: string): Promise<SeriesTotal | undefined>;
  /** The newest applied position of each partition of the current log; cheap, for waiting on positions. */
  readVector(): Promise<Position[]>;
  /** Series after `after` in byte order. */
  listTotals(page: { after: string; limit: number }): Promise<SeriesTotal[]>;
  readAddition(requestId: string): Promise<CountedAddition | undefined>;
  /** The books of every partition of every log. */
  readBooks(): Promise<OwnedBooks[]>;
  /**
   * Sums the ledger of every partition of every log and compares it with the totals. Reads the rows since the last
   * checkpoint; a recount without a difference is the next checkpoint.
   */
  recount(request?: RecountRequest): Promise<RecountResult>;
  /** As `recount`, for one partition of the current log. */
  recountPartition(partition: number, request?: RecountRequest): Promise<PartitionRecount>;
  close(): Promise<void>;
}

/** Which log the books count; known only after a request to Kafka. */
export interface LedgerIdentity {
  readonly clusterId: string;
  /** Kafka's id of the topic; absent while unknown. Books without an id store it. */
  readonly topicId?: string | undefined;
}

export interface Claim {
  readonly ownerEpoch: bigint;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** The record at nextOffset - 1; undefined if nothing was counted, or if a version without anchors counted it. */
  readonly anchor: Anchor | undefined;
  /** If set, the partition must not be counted until an administrator clears the halt. */
  readonly halt: PartitionHalt | undefined;
}

/** Identifies a record, to detect that the log holds another record at its offset. */
export interface Anchor {
  /** Undefined if the broker did not return it. */
  readonly leaderEpoch: number | undefined;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** Why a partition is halted, as stored in the books. */
export interface PartitionHalt {
  /** One CamelCase word. */
  readonly reason: string;
  /** What happened and what to do. */
  readonly message: string;
}

export interface LedgerHalt extends PartitionHalt {
  readonly partition: number;
  readonly ownerEpoch: bigint;
  /** If true, an administrator must clear the halt; if false, the next committed batch clears it. */
  readonly stays: boolean;
}

/** Records of one partition that cover firstOffset to nextOffset - 1 without a gap. */
export interface LedgerBatch {
  readonly partition: number;
  readonly ownerEpoch: bigint;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  readonly additions: readonly BatchAddition[];
  readonly parked: readonly ParkedRecord[];
  /** Anchor of the record at nextOffset - 1. */
  readonly anchor: Anchor;
}

export interface BatchAddition extends Addition {
  readonly offset: bigint;
  readonly appendedAt: Date;
}

export interface ParkedRecord {
  readonly offset: bigint;
  readonly appendedAt: Date;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly schema: string | undefined;
  readonly reason: string;
}

/** Possible dispositions of a record in a batch; records expire outside of batches. */
export const batchDispositions = ['applied', 'duplicate', 'conflict', 'parked'] as const;

/** Numbers of records of a batch by disposition. */
export type BatchOutcome = Readonly<Record<(typeof batchDispositions)[number], number>>;

export interface SeriesTotal {
  readonly series: string;
  readonly total: string;
  readonly count: bigint;
  readonly vector: readonly Position[];
  readonly newestApplied: Date | undefined;
}

export interface CountedAddition {
  readonly addition: Addition & { readonly position: Position; readonly appendedAt: Date };
  readonly conflicts: readonly {
    readonly series: string;
    readonly a: string;
    readonly b: string;
    readonly position: Position;
    readonly reason: string;
  }[];
}

export interface OwnedBooks extends PartitionBooks {
  readonly ownerEpoch: bigint;
  readonly owner: string;
  readonly halt: PartitionHalt | undefined;
}

export interface RecountRequest {
  /** If true, reads every row of the ledger, not only those since the last checkpoint. */
  readonly fromStart?: boolean;
  /** Called after each chunk with the milliseconds that it took. A throw ends the recount; its sums are kept. */
  readonly between?: (chunkMs: number) => void | Promise<void>;
}

export interface RecountResult {
  /** How many ledger rows were counted. */
  readonly additions: bigint;
  /** At most `recountDifferencesMax`. */
  readonly differences: readonly RecountDifference[];
}

export interface RecountDifference {
  readonly logEpoch: number;
  readonly partition: number;
  /** One sentence with the partition and both numbers. */
  readonly message: string;
}

export interface PartitionRecount extends RecountResult {
  readonly logEpoch: number;
  readonly partition: number;
  /** When the recount began that read every row; later ones continued it. */
  readonly fromStartAt: Date;
}

/** The first few differences are enough for an administrator. */
export const recountDifferencesMax = 20;

/** Another owner claimed the partition, or its next offset is another one. Drop the batch and claim again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** PostgreSQL refuses a value in this batch. Halve the batch until the record is alone, then park the record. */
export class BatchDataError extends Error {
  override readonly name = 'BatchDataError';
}

/**
 * The books contradict themselves, or the batch does not fit them. Halt until an administrator has checked the books.
 */
export class BooksError extends Error {
  override readonly name = 'BooksError';
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** The schema belongs to another pipeline or counts another log. Nothing was changed. */
export class StoreIdentityError extends Error {
  override readonly name = 'StoreIdentityError';
  /** StoreInUse, GroupChanged or LogChanged. */
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}

/** PostgreSQL cannot be reached or refuses the client, or the outcome of a commit is not known. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** One CamelCase word for a condition. */
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
