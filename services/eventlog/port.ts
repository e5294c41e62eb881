/**
 * The port to Kafka. The services rely on this contract, not on the Kafka clients behind it. Tests check the contract
 * against a real broker.
 *
 * Offsets are 64 bit: bigint everywhere. A position is (partition, offset) in the topic that is the log.
 */
import type { TopicSpec } from '#contract/topicSpec.ts';

/** Writes to the log. One call of `append` is one produce request for one partition. The writer does not retry. */
export interface LogWriter {
  /** Number of partitions, which are numbered from 0. It grows when the topic grows. */
  readonly partitionCount: number;
  /** Kafka's id of the topic, as last seen. */
  readonly topicId: string | undefined;
  /**
   * Asks a broker for the topic's id. The result is at most two seconds old. Throws LogError if no broker responds.
   */
  confirmTopic(): Promise<string>;
  /**
   * Returns the id of the broker that leads a partition. Undefined while the partition has no leader. Appends to
   * partitions of one leader share a connection and fail together.
   */
  leaderOf(partition: number): number | undefined;
  /**
   * Appends the records of one call to one partition, in order, as one batch.
   *
   * Resolves only after the broker acknowledged this partition (acks=all). Record i has the offset `baseOffset + i`.
   * Otherwise rejects with AppendError: the records may be in the log, unless its `outcome` excludes that. Ends at the
   * deadline at the latest, and earlier when another broker becomes the leader.
   */
  append(partition: number, records: readonly LogRecordInput[], options: AppendOptions): Promise<AppendedBatch>;
  /**
   * Returns the last offset plus one of every partition whose leader responds within 2 s. Other partitions are missing
   * from the result. Needs the right to DESCRIBE the topic. Never rejects.
   */
  logEnds(): Promise<ReadonlyMap<number, bigint>>;
  /** Waits at most `withinMs` for the requests in flight, then closes the connections. Never rejects. */
  close(withinMs?: number): Promise<void>;
}

export interface LogRecordInput {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AppendOptions {
  /** Deadline for the response, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}

export interface AppendedBatch {
  readonly partition: number;
  readonly baseOffset: bigint;
  /** Broker time in milliseconds since the Unix epoch; undefined when the topic keeps the client's time. */
  readonly appendedAt: number | undefined;
}

/**
 * Reads the log as a member of the consumer group. The caller decides where to read. A partition is delivered without
 * a gap from the requested offset on, after a check that the log holds this offset. If that is not possible, the
 * partition is stopped.
 */
export interface LogReader {
  /**
   * Returns the range of every partition that Kafka lists. Works without a membership in the group. Throws LogError.
   */
  offsets(): Promise<ReadonlyMap<number, LogRange>>;
  /** Leaves the group. Ends within about `withinMs`, even if Kafka does not respond. Never rejects. */
  close(withinMs?: number): Promise<void>;
}

export interface LogRange {
  /** The first offset that the log holds. */
  readonly earliest: bigint;
  /** The last offset plus one. */
  readonly end: bigint;
}

/** Handlers that the caller provides. A handler may throw: see each handler for what happens then. */
export interface LogReaderHandlers {
  /**
   * Called when this member has joined the group in a new generation. Nothing is delivered yet, not even for partitions
   * that it had before: claim each partition, then call `assignment.readFrom`. The reader does not await this handler:
   * batches of one partition may arrive while another partition is being claimed. An error is reported to `onFatal`.
   */
  onAssigned(assignment: LogAssignment): void | Promise<void>;
  /**
   * Called with one contiguous batch of one partition that begins exactly at the next offset. A partition has at most
   * one call at a time. Calls for several partitions run side by side, up to the reader's limit. An error counts as
   * `again`.
   */
  onBatch(batch: LogBatch): Promise<BatchResult>;
  /**
   * Called when the reader stopped this partition because the log does not hold the requested records. The partition
   * stays stopped until `readFrom` is called for it again, in this or a later assignment.
   */
  onPartitionStopped(partition: number, error: LogStopError): void;
  /** Called when an open transaction of another producer delays the next records. `why` is a sentence about it. */
  onPartitionWaits(partition: number, why: string): void;
  /**
   * Called at most once, when the reader cannot continue and its assignment has ended. Close it and open a new
   * reader.
   */
  onFatal(error: Error): void;
}

/** The partitions that this member has in one generation of the group. Invalid as soon as `signal` is aborted. */
export interface LogAssignment {
  /** Number of this join of the reader, from 1. It is not Kafka's generation id. */
  readonly generation: number;
  /** Partition numbers, ascending. Empty if the group has more members than partitions. */
  readonly partitions: readonly number[];
  /** Aborted as soon as this member knows that the generation has ended: rebalance, lost membership, close. */
  readonly signal: AbortSignal;
  /**
   * Proves that this process is still a member of this generation. It commits an offset, which the group coordinator
   * refuses from a process that is no longer a member. Resolves only if the coordinator accepts after the call began.
   * Otherwise throws NotMemberError: the coordinator refused or did not respond, or the generation has ended.
   */
  proveMembership(): Promise<void>;
  /**
   * Delivers `partition` from `offset` on, after a check that earliest <= offset <= end. Also restarts delivery after a
   * `stop`. `isSame` gets the record before `offset`, which must be the last counted record: now, and whenever another
   * leader wrote the next record. If the log begins at `offset`, that record was deleted, and `isSame` is not called.
   *
   * Throws LogRangeError if the log does not hold the offset. Throws NotMemberError if this assignment is over or never
   * had the partition. Throws LogUnavailableError if the range cannot be read: retry later.
   */
  readFrom(partition: number, offset: bigint, isSame?: IsSameRecord): Promise<void>;
  /** Delivers no further batch of the partition until `readFrom`. A handler that is running is not interrupted. */
  stop(partition: number): void;
  /**
   * Commits PostgreSQL's next offsets to Kafka, by partition, so that dashboards show the right lag. No aggregator
   * reads them to count. Throws NotMemberError as proveMembership does. If it resolves, the membership is proven too.
   */
  commitForDashboards(nextOffsets: ReadonlyMap<number, bigint>): Promise<void>;
}

/** Returns whether the record is the record that was counted at its offset. */
export type IsSameRecord = (record: LogRecord) => boolean;

/** Maximum number of records of one batch. With more records, counting would not be faster. */
export const batchRecordsMax = 1000;

export interface LogBatch {
  readonly partition: number;
  /** The next expected offset: `records[0].offset`. */
  readonly firstOffset: bigint;
  /** At least one record, at most `batchRecordsMax`. Offsets go up by exactly 1. */
  readonly records: readonly [LogRecord, ...LogRecord[]];
  /** End of the partition (last offset plus one) when the batch was fetched. Lag is this minus the next offset. */
  readonly highWatermark: bigint;
  /** The assignment under which the batch was fetched. */
  readonly assignment: LogAssignment;
}

export interface LogRecord {
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Text of the header `sumpipeline-schema`; undefined without the header. */
  readonly schema: string | undefined;
  /** Text of the header `traceparent`, not validated. Undefined if the addition is not traced. */
  readonly traceparent?: string | undefined;
  /** Why the record could not be read; key and value are null in this case. Undefined for a readable record. */
  readonly unreadable?: string | undefined;
  /** If true, bytes were changed on a disk or in transit: another read may return the intact record. */
  readonly isDamaged?: boolean | undefined;
  /** All headers, unchanged. Undefined if the record has no headers. */
  readonly headers?: LogHeaders | undefined;
  /** Broker time (LogAppendTime) in milliseconds since the Unix epoch. */
  readonly appendedAt: number;
  /** Leader epoch of the Kafka batch that carried the record; undefined if the broker does not return it. */
  readonly leaderEpoch: number | undefined;
}

export type LogHeaders = Readonly<Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | undefined>>;

export type BatchResult =
  /** Everything before `nextOffset` is committed in PostgreSQL: continue the delivery there. */
  | { readonly kind: 'confirmed'; readonly nextOffset: bigint }
  /** Nothing was committed: deliver the same offsets again, after a growing pause (0.1 s to 5 s). */
  | { readonly kind: 'again' }
  /** Another aggregator owns the partition, or the partition is halted: deliver nothing more until `readFrom`. */
  | { readonly kind: 'stop' };

/** An error of Kafka that an administrator can fix. The message names the topic, the Secret key or the setting. */
export class LogError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LogError';
  }
}

/** Kafka cannot be used now, but the same call may work later. `reason` is a CamelCase word for conditions. */
export class LogUnavailableError extends LogError {
  readonly reason: LogUnavailableReason;

  constructor(reason: LogUnavailableReason, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'LogUnavailableError';
    this.reason = reason;
  }
}

export type LogUnavailableReason =
  /** A mounted file is missing or empty. */
  | 'SecretMissing'
  /** Kafka refused the user name or password. */
  | 'AuthenticationFailed'
  /** The user lacks an ACL. */
  | 'NotAuthorized'
  /** The broker's certificate is not trusted or is for another host name, or the listener is plaintext. */
  | 'TlsFailed'
  | 'TopicMissing'
  /** After a start of its broker the coordinator loads the consumer groups, which takes seconds. */
  | 'GroupLoading'
  /** The connection was refused, reset or timed out, or there is no leader or no coordinator. */
  | 'Unreachable';

/** What is known about the records of an append that was not acknowledged. */
export type AppendOutcome =
  /** The records may be in the log: write the same records with the same ids again. */
  | 'unknown'
  /** This append wrote nothing: the broker refused it, or the request was never sent. */
  | 'notWritten'
  /** This append wrote nothing, and the broker will always refuse the same batch: split it. */
  | 'tooLarge';

/** An append was not acknowledged. `outcome` says whether the records may be in the log. */
export class AppendError extends LogError {
  readonly outcome: AppendOutcome;

  constructor(message: string, options: { cause?: unknown; outcome?: AppendOutcome } = {}) {
    super(message, options);
    this.name = 'AppendError';
    this.outcome = options.outcome ?? 'unknown';
  }
}

/** This process is not a member of the group in that generation, or cannot prove that it is. */
export class NotMemberError extends LogError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'NotMemberError';
  }
}

/** The log does not hold the requested offset: retention deleted it, or the log was truncated or replaced. */
export class LogRangeError extends LogError {
  readonly partition: number;
  readonly wanted: bigint;
  readonly earliest: bigint;
  readonly end: bigint;

  constructor(place: { partition: number; wanted: bigint; earliest: bigint; end: bigint }) {
    const { partition, wanted, earliest, end } = place;
    super(
      wanted < earliest
        ? `partition ${partition}: the next offset is ${wanted} but the log begins at ${earliest}: ` +
            `${earliest - wanted} records were removed before they were counted`
        : `partition ${partition}: the next offset is ${wanted} but the log ends at ${end}: ` +
            'the log was truncated or replaced',
    );
    this.name = 'LogRangeError';
    this.partition = partition;
    this.wanted = wanted;
    this.earliest = earliest;
    this.end = end;
  }
}

/** The log holds the requested offset, but a record with another offset was delivered in its place. */
export class LogGapError extends LogError {
  readonly partition: number;
  readonly expected: bigint;
  readonly got: bigint;

  constructor(place: { partition: number; expected: bigint; got: bigint }) {
    super(
      `partition ${place.partition}: expected offset ${place.expected} but the log delivered ${place.got}: ` +
        'records are missing in between (compaction, transaction markers or a damaged log)',
    );
    this.name = 'LogGapError';
    this.partition = place.partition;
    this.expected = place.expected;
    this.got = place.got;
  }
}

/**
 * A record in the log is not the record that was counted at its offset: the log was truncated and then grew again. So
 * the new records below the next offset were never counted.
 */
export class LogRewrittenError extends LogError {
  readonly partition: number;
  readonly offset: bigint;

  constructor(place: { partition: number; offset: bigint }) {
    super(
      `partition ${place.partition}: the record at offset ${place.offset} differs from the record that was counted there: ` +
        'the log was truncated and written again, so records below this offset may not be counted',
    );
    this.name = 'LogRewrittenError';
    this.partition = place.partition;
    this.offset = place.offset;
  }
}

/** Why reading a partition cannot continue. */
export type LogStopError = LogRangeError | LogGapError | LogRewrittenError;

/** Reads the id of the topic: a topic that was deleted and created again has the same name but another id. */
export interface TopicIdentity {
  /**
   * Returns the topic's id now. Throws LogUnavailableError; its reason is `TopicMissing` if the topic does not exist.
   */
  read(): Promise<string>;
  /**
   * Asks the partition's leader whether the topic still has this id. If it has, all records that were fetched before
   * this call belong to that topic. Throws LogReplacedError if the id differs, LogUnavailableError if the leader does
   * not respond.
   */
  confirm(partition: number, topicId: string): Promise<void>;
  close(): void;
}

/** The topic was deleted and created again. Its records are not the counted records, even at the same offsets. */
export class LogReplacedError extends LogError {
  constructor({ topic, wanted, found }: { topic: string; wanted: string; found: string }) {
    super(
      `topic ${topic} now has id ${found}, but the ledger counts id ${wanted}: the topic was deleted and re-created. ` +
        'No record of the new topic was counted. Point the pipeline back at the topic that was counted, or ' +
        'create a new SumPipeline with a new schema and topic',
    );
    this.name = 'LogReplacedError';
  }
}

/** Administers the topic that is the log. */
export interface LogTopic {
  /** Returns Kafka's id of the cluster. */
  clusterId(): Promise<string>;
  /**
   * Returns the effective settings. Throws LogUnavailableError `TopicMissing` if the topic does not exist, and never
   * creates it.
   */
  readSettings(): Promise<TopicSettings>;
  /** Creates the topic or changes it to the wanted settings. Throws TopicConflictError if that is not possible. */
  ensure(wanted: WantedTopic): Promise<EnsureResult>;
  /** Returns the range of every partition that Kafka lists. */
  offsets(): Promise<ReadonlyMap<number, LogRange>>;
  close(withinMs?: number): Promise<void>;
}

export interface TopicSettings {
  readonly partitions: number;
  /** The smallest replica count of any partition. */
  readonly replicas: number;
  readonly minInSyncReplicas: number;
  readonly uncleanLeaderElection: boolean;
  /** `delete`, `compact` or both, comma-separated. */
  readonly cleanupPolicy: string;
  readonly timestampType: string;
  /** Milliseconds; -1 never deletes records by age. */
  readonly retentionMs: number;
  /** Bytes per partition; -1 means no limit. */
  readonly retentionBytes: number;
  /** The codec with which the broker compresses; `producer` keeps the producer's codec. */
  readonly compressionType: string;
}

export interface WantedTopic extends TopicSpec {
  /**
   * True if this topic was counted before. Then a missing topic is a loss: `ensure` throws
   * LogUnavailableError and does not create it. If false, a topic that holds records probably belongs to another
   * application: `ensure` throws TopicConflictError instead of changing it.
   */
  readonly isCounted: boolean;
}

export interface EnsureResult {
  readonly created: boolean;
  /** The changes, as texts for the program output. Empty if nothing was changed. */
  readonly changes: readonly string[];
}

/** The topic has a setting that this program must not or cannot change. An administrator must decide. */
export class TopicConflictError extends LogError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'TopicConflictError';
  }
}
