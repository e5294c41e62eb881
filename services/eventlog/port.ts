/**
 * The EventLog port: what the services may rely on. The port, not the Kafka client behind it, is what we trust; its
 * contract is written here and has a conformance suite that runs against a real broker.
 *
 * Offsets are 64 bit: bigint everywhere. A position is (partition, offset) of the one topic that is the log.
 */
import type { TopicSpec } from '#contract/topicSpec.ts';

/** Writes to the log. One call is one produce request for one partition, and nothing here tries again. */
export interface LogWriter {
  /** Partitions are numbered from 0. Grows while the writer is open when the topic grows. */
  readonly partitionCount: number;
  /** Kafka's id of the topic, as it was seen last. */
  readonly topicId: string | undefined;
  /** Asks a broker for the topic's id, within the last two seconds. Throws LogError when none says it. */
  confirmTopic(): Promise<string>;
  /**
   * The broker that leads a partition; undefined while none does. Appends to partitions of one leader share its
   * connection and its fate.
   */
  leaderOf(partition: number): number | undefined;
  /**
   * Appends the records of one call to one partition, in order, as one batch.
   *
   * Resolves only by the broker's own acknowledgement (acks=all) of this partition: record i has the offset
   * `baseOffset + i`. Rejects with AppendError otherwise; its `outcome` tells what is known. "Rejected" never means
   * "absent" unless it says so. Ends at the deadline at the latest, and when another broker leads the partition.
   */
  append(partition: number, records: readonly LogRecordInput[], options: AppendOptions): Promise<AppendedBatch>;
  /**
   * One past the last offset of every partition whose leader told it within seconds; others are missing. Needs the
   * right to DESCRIBE the topic. Never rejects.
   */
  logEnds(): Promise<ReadonlyMap<number, bigint>>;
  /** Waits for the requests in flight, at most `withinMs`, then cuts the connections. Never rejects. */
  close(withinMs?: number): Promise<void>;
}

export interface LogRecordInput {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface AppendOptions {
  /** The last moment for an answer, in milliseconds since the Unix epoch. */
  readonly deadline: number;
}

export interface AppendedBatch {
  readonly partition: number;
  readonly baseOffset: bigint;
  /** Broker time in milliseconds since the Unix epoch; undefined when the topic keeps the client's time. */
  readonly appendedAt: number | undefined;
}

/**
 * Reads the log as a member of the consumer group, and decides nothing about where to read: it delivers a partition
 * only from the offset that the owner asked for, checked against the range of the log, contiguous, or not at all.
 */
export interface LogReader {
  /** First and end offset of every partition that Kafka lists; works without membership. `end` is one past the last. */
  offsets(): Promise<ReadonlyMap<number, LogRange>>;
  /** Leaves the group and ends within about `withinMs`, also when Kafka is gone. Never rejects. */
  close(withinMs?: number): Promise<void>;
}

export interface LogRange {
  readonly earliest: bigint;
  readonly end: bigint;
}

/** What the owner of the reader does. Handlers may throw: that is logged and answered as each one says. */
export interface LogReaderHandlers {
  /**
   * This member joined the group in a new generation. Nothing is delivered yet, also not for partitions it had before:
   * claim each partition, then call `assignment.readFrom`. Not awaited: batches of one partition may arrive while
   * another is still being claimed. A throw or rejection is reported through `onFatal`.
   */
  onAssigned(assignment: LogAssignment): void | Promise<void>;
  /**
   * One contiguous batch of one partition that begins exactly at the offset the owner expects next. At most one call
   * at a time per partition; several partitions run side by side up to the reader's bound. A throw or rejection
   * counts as `again`.
   */
  onBatch(batch: LogBatch): Promise<BatchResult>;
  /**
   * The reader stopped this partition because what the log offers is not what was asked for. It stays stopped until
   * `readFrom` is called for it again, in this or a later assignment.
   */
  onPartitionStopped(partition: number, error: LogStopError): void;
  /** The partition has records that are withheld until others have acted, such as a transaction that has not ended. */
  onPartitionWaits(partition: number, why: string): void;
  /** The reader is dead, its assignment has ended: close it and build a new one. Called at most once. */
  onFatal(error: Error): void;
}

/** What one generation of the group gave to this member. All of it is void once `signal` is aborted. */
export interface LogAssignment {
  /** Counts the joins of this reader from 1. */
  readonly generation: number;
  /** May be empty: more members than partitions. Ascending. */
  readonly partitions: readonly number[];
  /** Aborted as soon as this member knows that the generation is over: rebalance, lost membership, close. */
  readonly signal: AbortSignal;
  /**
   * Asks the group coordinator whether we are still a member of this very generation, by an offset commit that a
   * zombie is refused. Resolves only on the coordinator's yes, given after the call began. Throws NotMemberError on a
   * no, when the generation has ended meanwhile, or when nobody can say (coordinator away): do not claim then.
   */
  proveMembership(): Promise<void>;
  /**
   * Delivers `partition` from `offset` on, after a check that earliest <= offset <= end. Also the way to begin again
   * after a `stop`. With `isSame` the record before `offset`, the last one that was counted, is read first and compared:
   * now, and whenever another leader wrote what comes next. When the log begins at `offset` it is gone, and nothing is
   * compared. Throws LogRangeError when the log does not hold that place, NotMemberError when this assignment is
   * over or never had the partition, LogUnavailableError when the range cannot be asked (try again later).
   */
  readFrom(partition: number, offset: bigint, isSame?: IsSameRecord): Promise<void>;
  /** Delivers no further batch of the partition until `readFrom`; the batch in hand is finished. */
  stop(partition: number): void;
  /**
   * Tells lag dashboards how far we are, by partition: PostgreSQL's offsets, never read back by us. Throws NotMemberError
   * as proveMembership does, and is itself such a proof.
   */
  commitForDashboards(nextOffsets: ReadonlyMap<number, bigint>): Promise<void>;
}

/** Whether a record is the one that was counted at its offset. */
export type IsSameRecord = (record: LogRecord) => boolean;

export interface LogBatch {
  readonly partition: number;
  /** The offset that was expected next: `records[0].offset`. */
  readonly firstOffset: bigint;
  /** At least one, at most the reader's bound (1000); offsets go up by exactly 1. */
  readonly records: readonly [LogRecord, ...LogRecord[]];
  /** One past the last offset that was in the log when the batch was fetched: lag beside the next offset. */
  readonly highWatermark: bigint;
  /** The assignment under which it was fetched. */
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
  /** Why its bytes could not be read; absent when they could. Key and value are null then. */
  readonly unreadable?: string | undefined;
  /** True: bytes were changed, on a disk or on the way. Read again it may be whole. */
  readonly isDamaged?: boolean | undefined;
  /** All of them, as they came; absent when there are none. */
  readonly headers?: LogHeaders | undefined;
  /** Broker time (LogAppendTime) in milliseconds since the Unix epoch. */
  readonly appendedAt: number;
  /** Leader epoch of the Kafka batch that carried the record; undefined when the broker does not say. */
  readonly leaderEpoch: number | undefined;
}

export type LogHeaders = Readonly<Record<string, Uint8Array | string | readonly (Uint8Array | string)[] | undefined>>;

export type BatchResult =
  /** Everything before `nextOffset` is committed; delivery goes on from there. */
  | { readonly kind: 'confirmed'; readonly nextOffset: bigint }
  /** Nothing was committed: deliver the same offsets again, after a growing pause (0.1 s to 5 s). */
  | { readonly kind: 'again' }
  /** Deliver nothing more of this partition until `readFrom`: the fence was lost, or the partition is halted. */
  | { readonly kind: 'stop' };

/** Anything of the log that a person can act on: the message names the topic, the Secret key or the setting. */
export class LogError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LogError';
  }
}

/** Kafka cannot be reached or used now; the same call may work later. `reason` is one CamelCase word for conditions. */
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
  /** User name or password refused. */
  | 'AuthenticationFailed'
  /** The user lacks an ACL. */
  | 'NotAuthorized'
  /** The broker's certificate is not trusted, is for another host name, or TLS meets a plaintext listener. */
  | 'TlsFailed'
  | 'TopicMissing'
  /** The coordinator reads the consumer groups after a start of its broker: a matter of seconds. */
  | 'GroupLoading'
  /** Refused, reset, timed out, no leader, no coordinator. */
  | 'Unreachable';

/** What is known of the records of an append that was not acknowledged. */
export type AppendOutcome =
  /** They may be in the log: write the same records with the same ids again. */
  | 'unknown'
  /** The broker said, or the request was never sent: this append wrote nothing. */
  | 'notWritten'
  /** As notWritten, and the same batch will always be refused: split it. */
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

/** This process is not (or cannot show that it is) a member of the group in that generation. */
export class NotMemberError extends LogError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'NotMemberError';
  }
}

/** The log does not hold the wanted offset: retention passed us, the log was cut, or it is another log. */
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

/** The log holds the wanted offset but delivered another one in its place. */
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
 * The log holds another record than the one that was counted at that offset: it was cut, and then grew again. What stands
 * below our offset now was never counted.
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

/** Why a partition cannot be read on. */
export type LogStopError = LogRangeError | LogGapError | LogRewrittenError;

/** Which topic the log is: a topic that is deleted and made again has the same name and another id. */
export interface TopicIdentity {
  /** The id of the topic that has the name now. Throws LogUnavailableError, `TopicMissing` when there is none. */
  read(): Promise<string>;
  /**
   * Asks the broker that leads the partition, after this call began: what it delivered before is of the topic with this
   * id. Throws LogReplacedError when it is not, LogUnavailableError when the broker does not say.
   */
  confirm(partition: number, topicId: string): Promise<void>;
  close(): void;
}

/** The topic was deleted and made again: its records are not the ones that were counted, whatever their offsets. */
export class LogReplacedError extends LogError {
  constructor({ topic, wanted, found }: { topic: string; wanted: string; found: string }) {
    super(
      `topic ${topic} now has id ${found}, but the ledger counts id ${wanted}: the topic was deleted and re-created. No record of it ` +
        'was counted. Point the pipeline back at the log it counted, or give it a new schema and topic',
    );
    this.name = 'LogReplacedError';
  }
}

/** Administration of the topic that is the log. */
export interface LogTopic {
  /** Kafka's own name for the cluster. */
  clusterId(): Promise<string>;
  /**
   * The effective settings. Never creates the topic: throws LogUnavailableError `TopicMissing` when there is none.
   */
  readSettings(): Promise<TopicSettings>;
  /** Creates the topic or brings it to what is wanted; throws TopicConflictError for what cannot be changed. */
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
  /** Milliseconds; -1 keeps records for ever. */
  readonly retentionMs: number;
  /** Bytes per partition; -1 does not limit. */
  readonly retentionBytes: number;
  /** What the broker packs records with; `producer` keeps them as they were sent. */
  readonly compressionType: string;
}

export interface WantedTopic extends TopicSpec {
  /**
   * True: the books know this log. A missing topic is then a loss that must be seen, and LogUnavailableError. False: a
   * topic that holds records already is probably somebody's, and TopicConflictError instead of a change.
   */
  readonly isCounted: boolean;
}

export interface EnsureResult {
  readonly created: boolean;
  /** What was changed, in words for the log; empty when all was well. */
  readonly changes: readonly string[];
}

/** The topic exists and differs in something that must not or cannot be changed by us. A person must decide. */
export class TopicConflictError extends LogError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'TopicConflictError';
  }
}
