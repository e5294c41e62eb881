import type { Addition } from '#core/addition.ts';
import type { PartitionBooks } from '#core/law.ts';
import type { Position } from '#core/vector.ts';

/**
 * The port to the books. What it promises: a batch is applied whole or not at all; two owners never both succeed;
 * every commit keeps the conservation law. All offsets are 64 bit, all amounts canonical decimal text.
 */
export interface Ledger {
  /** Creates or upgrades the schema. Several may call it at once; a schema newer than this program is refused. */
  migrate(): Promise<void>;
  /** Throws StoreIdentityError when the books belong to another pipeline. Needs no Kafka; an empty schema is fine. */
  requireOwner(): Promise<void>;
  /**
   * The log that the books count; undefined until it was identified for the first time. From then on something may stand
   * in it that was never counted.
   */
  readLog(): Promise<LedgerIdentity | undefined>;
  /** Writes the identity into an empty schema, or throws StoreIdentityError when the books belong to something else. */
  identify(identity: LedgerIdentity): Promise<void>;
  /**
   * Takes a partition over: every earlier owner is fenced off from here on. Checks the identity again. Throws FencedError
   * when another owner claimed it in the same moment.
   */
  claim(partition: number, owner: string): Promise<Claim>;
  /** One transaction, one round trip. Throws FencedError, BatchDataError, BooksError or StoreUnavailableError. */
  applyBatch(batch: LedgerBatch): Promise<BatchOutcome>;
  /** Writes down why a partition stands still, for every replica and the next process. Throws FencedError. */
  halt(halt: LedgerHalt): Promise<void>;
  /** The total of one series with the vector it counts up to; undefined when nothing of the series counts yet. */
  readTotal(series: string): Promise<SeriesTotal | undefined>;
  /** Per partition of the current log the newest applied position; cheap, for waiting on positions. */
  readVector(): Promise<Position[]>;
  /** Series after `after` in byte order. */
  listTotals(page: { after: string; limit: number }): Promise<SeriesTotal[]>;
  readAddition(requestId: string): Promise<CountedAddition | undefined>;
  /** The books of every partition of every log. */
  readBooks(): Promise<OwnedBooks[]>;
  /** Counts the ledger again, one partition per statement, and says where the books differ. Reads every row. */
  recount(): Promise<RecountResult>;
  close(): Promise<void>;
}

/** Which log the books count; known only after asking Kafka. */
export interface LedgerIdentity {
  readonly clusterId: string;
  /** Kafka's id of the topic; absent while it is not known. Books without one adopt it. */
  readonly topicId?: string | undefined;
}

export interface Claim {
  readonly ownerEpoch: bigint;
  readonly firstOffset: bigint;
  readonly nextOffset: bigint;
  /** The record at nextOffset - 1; undefined when nothing was counted, or by a version that kept no anchor. */
  readonly anchor: Anchor | undefined;
  /** Set when the partition must not go on before a person has decided; then it cannot be counted either. */
  readonly halt: PartitionHalt | undefined;
}

/** What tells a record from any other that the log may hold at its offset. */
export interface Anchor {
  /** Undefined when the broker did not say. */
  readonly leaderEpoch: number | undefined;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

/** Why a partition stands still, as the books keep it. */
export interface PartitionHalt {
  /** One CamelCase word. */
  readonly reason: string;
  /** What was seen and what to do. */
  readonly message: string;
}

export interface LedgerHalt extends PartitionHalt {
  readonly partition: number;
  readonly ownerEpoch: bigint;
  /** True: no later claim goes on until a person clears it. False: it goes when a batch commits. */
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
  /** Of the record at nextOffset - 1. */
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

/** What a record of a batch may become; records expire outside of batches. */
export const batchDispositions = ['applied', 'duplicate', 'conflict', 'parked'] as const;

/** Records of a batch by what became of them. */
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

export interface RecountResult {
  /** How many ledger rows were counted. */
  readonly additions: bigint;
  /** One sentence per difference, at most `recountDifferencesMax`; empty when the books agree. */
  readonly differences: readonly string[];
}

/** A person needs the first few differences, not all of them. */
export const recountDifferencesMax = 20;

/** Another owner took the partition, or the books stand at another offset. Drop the batch, claim again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** PostgreSQL refuses a value in this batch. Halve the batch until the record is alone, then park it. */
export class BatchDataError extends Error {
  override readonly name = 'BatchDataError';
}

/** The books contradict themselves, or the batch does not fit them. A person must look: halt. */
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

/** PostgreSQL cannot be reached, refuses us, or the outcome of a commit is not known. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** One CamelCase word for a condition. */
  readonly reason: string;
  constructor(reason: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
