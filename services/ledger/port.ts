import type { Addition } from '#core/addition.ts';
import type { PartitionBooks } from '#core/law.ts';
import type { Position } from '#core/vector.ts';

/**
 * The port to PostgreSQL. It guarantees three things. A batch is applied completely or not at all. Only one owner of
 * a partition can commit. Every commit keeps the conservation law. Offsets are 64 bit, amounts are canonical decimal
 * text. Most methods may throw StoreUnavailableError.
 */
export interface Ledger {
  /** Creates or upgrades the schema. Concurrent calls are safe. Refuses a schema that is newer than this program. */
  migrate(): Promise<void>;
  /**
   * Throws StoreIdentityError if the tables belong to another pipeline. Accepts an empty schema. Works without Kafka.
   */
  requireOwner(): Promise<void>;
  /**
   * Returns the ids of the counted log. Returns undefined until `identify` has run for the first time. From then on the
   * log may hold records that are not counted yet.
   */
  readLog(): Promise<LedgerIdentity | undefined>;
  /**
   * Stores the identity if the schema is empty. Throws StoreIdentityError if the tables belong to another pipeline or
   * log.
   */
  identify(identity: LedgerIdentity): Promise<void>;
  /**
   * Claims a partition: from now on commits of earlier owners are fenced. Checks the identity again. Throws FencedError
   * if another owner claimed the partition at the same moment.
   */
  claim(partition: number, owner: string): Promise<Claim>;
  /** Commits a batch. Throws FencedError, BatchDataError, BooksError, or StoreUnavailableError (outcome unknown). */
  applyBatch(batch: LedgerBatch): Promise<BatchOutcome>;
  /** Stores why a partition is halted, so that all replicas and later processes know it. Throws FencedError. */
  halt(halt: LedgerHalt): Promise<void>;
  /** Returns the total of a series and the vector up to which it counts. Undefined if the series has no additions. */
  readTotal(series: string): Promise<SeriesTotal | undefined>;
  /** Returns the last counted position of each partition of the current log. It is fast, so it may be called often. */
  readVector(): Promise<Position[]>;
  /** Returns at most `limit` series after `after`, in byte order. */
  listTotals(page: { after: string; limit: number }): Promise<SeriesTotal[]>;
  /** Returns a counted addition with its conflicts. Undefined if the id is not counted. */
  readAddition(requestId: string): Promise<CountedAddition | undefined>;
  /** Returns offsets, counters and halt of every partition of every log. */
  readBooks(): Promise<OwnedBooks[]>;
  /**
   * Compares the sum of the ledger with the totals, for every partition of every log. Reads the rows since the last
   * checkpoint. A recount without a difference is the next checkpoint.
   */
  recount(request?: RecountRequest): Promise<RecountResult>;
  /** Does what `recount` does, but for one partition of one log. */
  recountPlace(place: BooksPlace, request?: RecountRequest): Promise<PlaceRecount>;
  close(): Promise<void>;
}

/** Identifies the counted log. Only Kafka knows these ids. */
export interface LedgerIdentity {
  readonly clusterId: string;
  /** Kafka's id of the topic. Undefined while it is unknown. `identify` stores it if the tables have none yet. */
  readonly topicId?: string | undefined;
}

export interface Claim {
  readonly ownerEpoch: bigint;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** Anchor of the record at nextOffset - 1. Undefined before the first record, or if an old version counted it. */
  readonly anchor: Anchor | undefined;
  /** If set, the partition must not be counted until an administrator clears the halt. */
  readonly halt: PartitionHalt | undefined;
}

/** Identifies a record, to detect another record at the same offset. */
export interface Anchor {
  /** Undefined if the broker did not return it. */
  readonly leaderEpoch: number | undefined;
  /** SHA-256, 32 bytes. */
  readonly hash: Uint8Array;
}

/** Why a partition is halted, as PostgreSQL stores it. */
export interface PartitionHalt {
  /** One CamelCase word. */
  readonly reason: string;
  /** What happened and what to do. */
  readonly message: string;
}

export interface LedgerHalt extends PartitionHalt {
  readonly partition: number;
  readonly ownerEpoch: bigint;
  /** If true, only an administrator clears the halt. If false, the next committed batch clears it. */
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

/** The dispositions that a record of a batch can get. `expired` is not one of them. */
export const batchDispositions = ['applied', 'duplicate', 'conflict', 'parked'] as const;

/** Number of records of a batch by disposition. */
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

/** A partition of one log. */
export interface BooksPlace {
  readonly logEpoch: number;
  readonly partition: number;
}

export interface RecountRequest {
  /**
   * `checkpoint` (default): reads the rows since the last checkpoint. `renewal`: reads every row, but may continue an
   * interrupted recount. `start`: reads every row now.
   */
  readonly from?: 'checkpoint' | 'renewal' | 'start';
  /** Called after each chunk, with its duration in milliseconds. If it throws, the recount ends, but keeps its sums. */
  readonly between?: (chunkMs: number) => void | Promise<void>;
}

export interface RecountResult {
  /** Number of ledger rows that were counted. */
  readonly additions: bigint;
  /** In the order of partitions, at most `recountDifferencesMax` per partition. */
  readonly differences: readonly RecountDifference[];
}

interface RecountDifference extends BooksPlace {
  /** Names partition, series and problem. Has no number that grows, so that the verdict does not change often. */
  readonly summary: string;
  /** Names partition, series and the two numbers that differ. */
  readonly message: string;
}

export interface PlaceRecount extends RecountResult, BooksPlace {
  /** When the recount began to sum from the first row. Later recounts continue its sums and keep this time. */
  readonly fromStartAt: Date;
}

/** Maximum number of differences that a recount returns per partition: enough to see what is wrong. */
export const recountDifferencesMax = 20;

/** Another owner has claimed the partition, or its next offset has changed. Drop the batch and claim again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** PostgreSQL refuses a value in this batch. Halve the batch until the record is alone, then park the record. */
export class BatchDataError extends Error {
  override readonly name = 'BatchDataError';
}

/**
 * The tables contradict themselves, or the batch does not fit them. Halt until an administrator has checked the tables.
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

/** PostgreSQL cannot be reached or refuses the client, or the outcome of a commit is unknown. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** One CamelCase word for a condition. */
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
