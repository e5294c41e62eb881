/**
 * The EventLog port: what the services may rely on. Services trust this port, not the Kafka client behind it. The
 * contract is written here, and a conformance suite checks it against a real broker.
 *
 * Offsets are 64 bit: bigint everywhere. A position is (partition, offset) of the one topic that is the log.
 */
import type { TopicSpec } from '#contract/topicSpec.ts';

/** Writes to the log. One call is one produce request for one partition; the writer does not retry. */
export interface LogWriter {
  /** Partitions are numbered from 0. Grows while the writer is open when the topic grows. */
  readonly partitionCount: number;
  /** Kafka's id of the topic, as last seen. */
  readonly topicId: string | undefined;
  /**
   * Reads the topic's id from a broker; the result is at most two seconds old. Throws LogError if no broker responds.
   */
  confirmTopic(): Promise<string>;
  /**
   * The broker that leads a partition; undefined while the partition has no leader. Appends to partitions of one leader
   * share its connection and fail together with it.
   */
  leaderOf(partition: number): number | undefined;
  /**
   * Appends the records of one call to one partition, in order, as one batch.
   *
   * Resolves only by the broker's own acknowledgement (acks=all) of this partition: record i has the offset `baseOffset
   * + i`. Rejects with AppendError otherwise; its `outcome` says what is known. After a rejection the records may be in
   * the log, unless `outcome` excludes that. Ends at the deadline, or when another broker becomes the leader.
   */
  append(partition: number, records: readonly LogRecordInput[], options: AppendOptions): Promise<AppendedBatch>;
  /**
   * One past the last offset of every partition whose leader responds within seconds; other partitions are missing.
   * Needs the right to DESCRIBE the topic. Never rejects.
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
  /** The deadline for a response, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}

export interface AppendedBatch {
  readonly partition: number;
  readonly baseOffset: bigint;
  /** Broker time in milliseconds since the Unix epoch; undefined when the topic keeps the client's time. */
  readonly appendedAt: number | undefined;
}

/**
 * Reads the log as a member of the consumer group. The owner decides where to read: a partition is delivered only from
 * the requested offset, after a check against the range of the log, and without a gap; otherwise it is not delivered.
 */
export interface LogReader {
  /**
   * First and end offset of every partition that Kafka lists. Needs no membership. `end` is one past the last offset.
   */
  offsets(): Promise<ReadonlyMap<number, LogRange>>;
  /** Leaves the group and ends within about `withinMs`, even if Kafka is away. Never rejects. */
  close(withinMs?: number): Promise<void>;
}

export interface LogRange {
  readonly earliest: bigint;
  readonly end: bigint;
}

/** Handlers that the owner of the reader provides. A handler may throw; each one says below what happens then. */
export interface LogReaderHandlers {
  /**
   * This member joined the group in a new generation. Nothing is delivered yet, not even for partitions that it had
   * before: claim each partition, then call `assignment.readFrom`. The reader does not await this handler: batches of
   * one partition may arrive while another is still being claimed. A throw or rejection is reported through `onFatal`.
   */
  onAssigned(assignment: LogAssignment): void | Promise<void>;
  /**
   * One contiguous batch of one partition that begins exactly at the offset the owner expects next. At most one call
   * at a time per partition; several partitions run side by side up to the reader's bound. A throw or rejection
   * counts as `again`.
   */
  onBatch(batch: LogBatch): Promise<BatchResult>;
  /**
   * The reader stopped this partition because the log does not hold the requested records. The partition stays stopped
   * until `readFrom` is called for it again, in this or a later assignment.
   */
  onPartitionStopped(partition: number, error: LogStopError): void;
  /** The next records of the partition are withheld by another process, for example by an open transaction. */
  onPartitionWaits(partition: number, why: string): void;
  /** The reader cannot continue and its assignment has ended: close it and open a new reader. Called at most once. */
  onFatal(error: Error): void;
}

/** The partitions that this member has in one generation of the group. Invalid as soon as `signal` is aborted. */
export interface LogAssignment {
  /** Counts the joins of this reader from 1. */
  readonly generation: number;
  /** Ascending. Empty if the group has more members than partitions. */
  readonly partitions: readonly number[];
  /** Aborted as soon as this member knows that the generation has ended: rebalance, lost membership, close. */
  readonly signal: AbortSignal;
  /**
   * Proves to the caller that this process is still a member of this generation, by an offset commit that the group
   * coordinator refuses from a zombie. Resolves only if the coordinator accepts after the call began. Throws
   * NotMemberError if it refuses, if the generation has ended meanwhile, or if the coordinator is away: do not claim
   * then.
   */
  proveMembership(): Promise<void>;
  /**
   * Delivers `partition` from `offset` on, after a check that earliest <= offset <= end. Also restarts delivery after a
   * `stop`. With `isSame` the record before `offset`, the last counted record, is read first and compared: now, and
   * whenever another leader wrote the next record. If the log begins at `offset`, that record was deleted and nothing
   * is compared. Throws LogRangeError if the log does not hold that offset, NotMemberError if this assignment is over
   * or never had the partition, LogUnavailableError if the range cannot be read (retry later).
   */
  readFrom(partition: number, offset: bigint, isSame?: IsSameRecord): Promise<void>;
  /** Delivers no further batch of the partition until `readFrom`; a running batch is finished. */
  stop(partition: number): void;
  /**
   * Commits PostgreSQL's offsets to Kafka, by partition, for lag dashboards; this program never reads them back. Throws
   * NotMemberError as proveMembership does, and is itself such a proof.
   */
  commitForDashboards(nextOffsets: ReadonlyMap<number, bigint>): Promise<void>;
}

/** Returns whether a record is the one that was counted at its offset. */
export type IsSameRecord = (record: LogRecord) => boolean;

export interface LogBatch {
  readonly partition: number;
  /** The next expected offset: `records[0].offset`. */
  readonly firstOffset: bigint;
  /** At least one, at most the reader's bound (1000); offsets go up by exactly 1. */
  readonly records: readonly [LogRecord, ...LogRecord[]];
  /** One past the last offset of the log when the batch was fetched. Minus the next offset it gives the lag. */
  readonly highWatermark: bigint;
  /** The assignment under which the batch was fetched. */
  readonly assignment: LogAssignment;
}

export interface LogRecord {
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Text of the header `sumpipeline-schema`; undefined when absent. */
  readonly schema: string | undefined;
  /** Text of the header `traceparent`, unchecked; absent where the addition is not traced. */
  readonly traceparent?: string | undefined;
  /** If present, why the record could not be read; key and value are null then. */
  readonly unreadable?: string | undefined;
  /** If true, bytes were changed on a disk or in transit; another read may return the intact record. */
  readonly isDamaged?: boolean | undefined;
  /** All headers, unchanged; absent if the record has no headers. */
  readonly headers?: LogHeaders | undefined;
  /** Broker time (LogAppendTime) in milliseconds since the Unix epoch. */
  readonly appendedAt: number;
  /** Leader epoch of the Kafka batch that carried the record; undefined if the broker does not return it. */
  readonly leaderEpoch: number | undefined;
}

export type LogHeaders = Readonly<Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | undefined>>;

export type BatchResult =
  /** Everything before `nextOffset` is committed; delivery goes on from there. */
  | { readonly kind: 'confirmed'; readonly nextOffset: bigint }
  /** Nothing was committed: deliver the same offsets again, after a growing pause (0.1 s to 5 s). */
  | { readonly kind: 'again' }
  /** Deliver no more records of this partition until `readFrom`: the fence was lost, or the partition is halted. */
  | { readonly kind: 'stop' };

/** An error of the log that an administrator can fix: the message names the topic, the Secret key or the setting. */
export class LogError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LogError';
  }
}

/** Kafka cannot be used now; the same call may work later. `reason` is one CamelCase word for conditions. */
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
  /** The coordinator loads the consumer groups after a start of its broker; this takes seconds. */
  | 'GroupLoading'
  /** Refused, reset, timed out, no leader, no coordinator. */
  | 'Unreachable';

/** What is known about the records of an append that was not acknowledged. */
export type AppendOutcome =
  /** The records may be in the log: write the same records with the same ids again. */
  | 'unknown'
  /** This append wrote nothing: the broker refused it, or the request was never sent. */
  | 'notWritten'
  /** As notWritten, and the broker will always refuse the same batch: split it. */
  | 'tooLarge';

/** An append was not acknowledged. */
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

/** The log does not hold the wanted offset: retention deleted it, or the log was truncated or replaced. */
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

/** The log holds the wanted offset, but a record with another offset was delivered in its place. */
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
 * The log holds another record than the one that was counted at that offset: the log was truncated and then grew again.
 * The new records below the next offset were never counted.
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

/** Identifies the topic: a topic that is deleted and re-created has the same name but another id. */
export interface TopicIdentity {
  /** Id of the topic that has the name now. Throws LogUnavailableError, `TopicMissing` if the topic does not exist. */
  read(): Promise<string>;
  /**
   * Checks with the partition's leader, after this call began, that the topic still has this id. Then records that were
   * fetched before belong to that topic. Throws LogReplacedError if the id differs, LogUnavailableError if the leader
   * does not respond.
   */
  confirm(partition: number, topicId: string): Promise<void>;
  close(): void;
}

/** The topic was deleted and re-created: its records are not the counted ones, even at the same offsets. */
export class LogReplacedError extends LogError {
  constructor({ topic, wanted, found }: { topic: string; wanted: string; found: string }) {
    super(
      `topic ${topic} now has id ${found}, but the ledger counts id ${wanted}: the topic was deleted and re-created. No record of it ` +
        'was counted. Point the pipeline back at the log it counted, or create a new SumPipeline with a new schema and topic',
    );
    this.name = 'LogReplacedError';
  }
}

/** Administration of the topic that is the log. */
export interface LogTopic {
  /** Kafka's own name for the cluster. */
  clusterId(): Promise<string>;
  /**
   * The effective settings. Never creates the topic; throws LogUnavailableError `TopicMissing` if it does not exist.
   */
  readSettings(): Promise<TopicSettings>;
  /** Creates the topic or changes it to the wanted settings; throws TopicConflictError if that is not possible. */
  ensure(wanted: WantedTopic): Promise<EnsureResult>;
  /** First and end offset of every partition that Kafka lists. */
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
   * If true, the ledger already counted this log, so a missing topic is a loss and throws LogUnavailableError. If
   * false, a topic that already holds records probably belongs to another application: it throws TopicConflictError,
   * not a change.
   */
  readonly isCounted: boolean;
}

export interface EnsureResult {
  readonly created: boolean;
  /** The changes, as texts for the log; empty if nothing had to change. */
  readonly changes: readonly string[];
}

/** The topic differs in a setting that this program must not or cannot change. An administrator must decide. */
export class TopicConflictError extends LogError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'TopicConflictError';
  }
}
