import type { AggregatorMetrics } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { backoffMs, pause } from '#platform/time.ts';
import {
  type BatchResult,
  batchRecordsMax,
  type LogAssignment,
  type LogBatch,
  LogError,
  LogGapError,
  LogRangeError,
  type LogRecord,
  LogReplacedError,
  LogRewrittenError,
  type LogStopError,
  NotMemberError,
} from '#services/eventlog/port.ts';
import {
  type Anchor,
  type BatchOutcome,
  BooksError,
  batchDispositions,
  FencedError,
  type Ledger,
  type PartitionHalt,
  StoreIdentityError,
  StoreUnavailableError,
} from '#services/ledger/port.ts';
import { isAnchoredBy } from './anchor.ts';
import { applyRecords } from './apply.ts';
import { BacklogClock } from './backlogClock.ts';
import { Dashboards } from './dashboards.ts';
import type { Halt, HaltReason } from './prepare.ts';

export interface PartitionsOptions {
  readonly ledger: Ledger;
  /** Throws if the delivered records are not of the counted topic. See TopicIdentity.confirm. */
  readonly confirmLog: (partition: number) => Promise<void>;
  /** Name of this process. PostgreSQL stores it with each claim. It is only for messages and for people. */
  readonly owner: string;
  readonly logger: Logger;
  readonly metrics: Metrics<AggregatorMetrics>;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly random: () => number;
  /** Called when a fact of the verdict may have changed. */
  readonly onChange: () => void;
  /** Called when records were counted, so that requests that wait for positions can check again. */
  readonly onApplied: () => void;
  /** Called when the session cannot continue: the tables belong to another pipeline or log. */
  readonly onFatal: (error: Error) => void;
}

/** A claimed partition. Only the owner of a claim may commit. */
interface Owned {
  readonly assignment: LogAssignment;
  readonly ownerEpoch: bigint;
  nextOffset: bigint;
  /** Anchor of the last counted record; undefined if PostgreSQL has no anchor. */
  anchor: Anchor | undefined;
}

/** Number of records of a full batch. If a full batch waits after a batch, the aggregator is the bottleneck. */
const fullBatchRecords = BigInt(batchRecordsMax);

/**
 * Time in milliseconds for which a reported obstacle (an external cause that blocks a partition) counts as present. It
 * must be longer than 40 s, because a cause that still exists is reported again within 40 s.
 */
const obstacleMs = 90_000;

/** Halts that only an administrator may clear, because the log cannot be trusted after them. */
const staysHalted: ReadonlySet<string> = new Set<HaltReason>(['LogTruncated', 'LogRewritten']);

/**
 * The partitions that this process owns. A partition is in one of these states:
 *
 *   claiming  Kafka has assigned the partition. The process proves its membership, raises the owner epoch in
 *             PostgreSQL, and reads from PostgreSQL's next offset. It retries with backoff until the assignment ends.
 *   owned     Batches are committed with the owner epoch. If a commit is fenced or its outcome is unknown, the batch
 *             is dropped, and the state is claiming again.
 *   halted    An administrator must check the partition. It is not read; other partitions continue. The halt is
 *             stored in PostgreSQL, for the other replicas and the next process. A later assignment retries, and a
 *             committed batch clears the halt. Only the halts of a truncated or rewritten log are not retried: the
 *             log may have grown past the next offset. An administrator clears that halt in PostgreSQL.
 */
export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #owned = new Map<number, Owned>();
  readonly #halts = new Map<number, PartitionHalt>();
  /** Halts that are stored in PostgreSQL. */
  readonly #written = new WeakSet<PartitionHalt>();
  readonly #working = new Set<Promise<void>>();
  /** Key: partition. `why`: external cause that blocks it. `at`: when the cause was reported, in milliseconds. */
  readonly #obstacles = new Map<number, { readonly why: string; readonly at: number }>();
  #assignment: LogAssignment | undefined;
  readonly #dashboards: Dashboards;
  readonly #backlogClock: BacklogClock;
  /** When a change of the consumer group paused the counting, in ms. Undefined while every partition is counted. */
  #pausedAt: number | undefined;

  constructor(options: PartitionsOptions) {
    this.#options = options;
    this.#dashboards = new Dashboards(options.logger);
    this.#backlogClock = new BacklogClock(options.now);
  }

  /** The halts that this process knows, by partition. */
  get halts(): ReadonlyMap<number, PartitionHalt> {
    return this.#halts;
  }

  /** The next offset of each owned partition. */
  get owned(): ReadonlyMap<number, Readonly<Pick<Owned, 'nextOffset'>>> {
    return this.#owned;
  }

  /** The partitions that are assigned to this process, halted ones included. */
  get assigned(): readonly number[] {
    return this.#assignment?.partitions ?? [];
  }

  /** The partitions that this process should count: assigned and not halted, but possibly not claimed yet. */
  get counting(): readonly number[] {
    return this.assigned.filter((partition) => !this.#halts.has(partition));
  }

  /** Why a partition waits for Kafka, PostgreSQL or a foreign producer, by partition. */
  get obstacles(): ReadonlyMap<number, string> {
    const from = this.#options.now() - obstacleMs;
    return new Map([...this.#obstacles].flatMap(([partition, { why, at }]) => (at < from ? [] : [[partition, why]])));
  }

  /** True from the assignment of partitions until this process learns that the assignment has ended. */
  get isMember(): boolean {
    return this.#assignment?.signal.aborted === false;
  }

  /** Drops the partitions of the previous assignment, and starts to claim the partitions of the new assignment. */
  assign(assignment: LogAssignment): void {
    this.#forgetAll();
    this.#obstacles.clear();
    for (const [partition, halt] of this.#halts) {
      // Forget the halt of a partition that another process owns now: that process may clear the halt in PostgreSQL.
      if (this.#written.has(halt) && !assignment.partitions.includes(partition)) this.#unhalt(partition);
    }
    this.#countOwned();
    this.#assignment = assignment;
    this.#options.metrics.sumpipeline_assigned_partitions.set(assignment.partitions.length);
    this.#pausedAt ??= this.#options.now();
    assignment.signal.addEventListener('abort', () => this.#endAssignment(assignment), { once: true });
    for (const partition of assignment.partitions) this.#startClaiming(assignment, partition);
  }

  /** Notes that counting pauses when the assignment has ended, unless the next assignment has already arrived. */
  #endAssignment(assignment: LogAssignment): void {
    if (this.#assignment !== assignment) return;
    this.#pausedAt = this.#options.now();
    this.#options.metrics.sumpipeline_assigned_partitions.set(0);
  }

  /** Ends the pause when every partition of the assignment is counted again, or halted. */
  #endPause(): void {
    const { metrics } = this.#options;
    if (this.#pausedAt === undefined || this.counting.some((partition) => !this.#owned.has(partition))) return;
    metrics.sumpipeline_rebalance_duration_seconds.observe(this.#secondsSince(this.#pausedAt));
    this.#pausedAt = undefined;
  }

  /** Commits the last offsets for dashboards before the partitions return to the group. Never rejects. */
  rest(): Promise<void> {
    return this.#dashboards.flush();
  }

  /** Resolves when no claim and no write of a halt is in flight. */
  async whenIdle(): Promise<void> {
    await Promise.all(this.#working);
  }

  async apply(batch: LogBatch): Promise<BatchResult> {
    const { partition, firstOffset, assignment } = batch;
    const owned = this.#owned.get(partition);
    if (owned === undefined || owned.assignment !== assignment) return { kind: 'stop' };
    if (firstOffset !== owned.nextOffset) {
      // The reader delivers only the next offset. Check it again, because a wrong offset would miscount.
      this.#lose(
        partition,
        assignment,
        new Error(`offset ${firstOffset} was delivered, but the next offset is ${owned.nextOffset}`),
      );
      return { kind: 'stop' };
    }
    const startedAt = this.#options.now();
    const hasBacklog = batch.highWatermark - firstOffset - BigInt(batch.records.length) >= fullBatchRecords;
    let counted = 0;
    if (hasBacklog) this.#backlogClock.begin();
    try {
      if (!(await this.#isSameLog(batch))) return { kind: 'again' };
      const target = { ledger: this.#options.ledger, partition, ownerEpoch: owned.ownerEpoch };
      const result = await applyRecords(target, firstOffset, batch.records);
      const count = Number(result.nextOffset - firstOffset);
      if (count > 0) {
        counted = count;
        owned.nextOffset = result.nextOffset;
        this.#obstacles.delete(partition);
        owned.anchor = result.anchor;
        this.#recordApplied(batch, count, result.outcome, startedAt);
        if (this.#unhalt(partition) || result.outcome.parked > 0) this.#options.onChange();
        this.#dashboards.tell(assignment, partition, result.nextOffset);
        this.#options.onApplied();
      }
      if (result.halt !== undefined && !assignment.signal.aborted) {
        this.#halt(partition, result.halt, owned);
        return { kind: 'stop' };
      }
      return { kind: 'confirmed', nextOffset: result.nextOffset };
    } catch (error) {
      return this.#applyFailed(batch, error, startedAt);
    } finally {
      if (hasBacklog) this.#countBacklog(counted);
    }
  }

  /**
   * Returns whether the batch is of the counted topic. Runs between fetch and commit: a topic that was created again
   * delivers records at the same offsets without an error.
   */
  async #isSameLog({ partition, assignment }: LogBatch): Promise<boolean> {
    try {
      await this.#options.confirmLog(partition);
      return true;
    } catch (error) {
      if (error instanceof LogReplacedError && !assignment.signal.aborted) this.#options.onFatal(error);
      else {
        this.#options.logger.warn(
          { error, partition },
          'the topic id cannot be confirmed now; delivering the batch again',
        );
        this.#meet(partition, error);
      }
      return false;
    }
  }

  /**
   * Adds a batch to the metrics that show the capacity. Called only if a full batch waits after it: at low load a batch
   * has one record, which does not show how fast the aggregator can count.
   */
  #countBacklog(records: number): void {
    const { metrics } = this.#options;
    metrics.sumpipeline_backlogged_seconds_total.inc(this.#backlogClock.end());
    metrics.sumpipeline_backlogged_records_total.inc(records);
  }

  /** Call it when another process blocks a partition, for example with an open transaction. */
  waits(partition: number, why: string): void {
    if (this.#owned.has(partition)) this.#obstacles.set(partition, { why, at: this.#options.now() });
  }

  /**
   * Stores the error as an obstacle of the partition if its cause is outside this process, for example if Kafka is
   * down. Ignores other errors, because they may be a fault of this process.
   */
  #meet(partition: number, error: unknown): void {
    // A missing membership is not an external cause: it may be a fault of this process.
    if (error instanceof NotMemberError) return;
    if (error instanceof StoreUnavailableError || error instanceof LogError) {
      this.#obstacles.set(partition, { why: error.message, at: this.#options.now() });
    }
  }

  /** Halts a partition that the reader stopped because the log does not match what was counted. */
  stopped(partition: number, error: LogStopError): void {
    const owned = this.#owned.get(partition);
    if (owned !== undefined && error instanceof LogRangeError && isOnlyUnlisted(error)) {
      this.#lose(partition, owned.assignment, error);
      return;
    }
    this.#halt(partition, haltOf(error), owned);
  }

  #applyFailed(batch: LogBatch, error: unknown, startedAt: number): BatchResult {
    const { partition, assignment } = batch;
    const result = error instanceof FencedError ? 'fenced' : 'failed';
    this.#options.metrics.sumpipeline_apply_duration_seconds.observe({ result }, this.#secondsSince(startedAt));
    if (assignment.signal.aborted) return { kind: 'stop' };
    if (error instanceof BooksError) this.#halt(partition, booksHalt(partition, error), this.#owned.get(partition));
    else this.#lose(partition, assignment, error);
    return { kind: 'stop' };
  }

  /**
   * Call it when a commit was fenced or its outcome is unknown: the next offset in memory may be wrong. Claims the
   * partition again, which reads the next offset from PostgreSQL.
   */
  #lose(partition: number, assignment: LogAssignment, error: unknown): void {
    this.#options.logger.warn({ error, partition }, 'batch dropped; claiming the partition again');
    this.#meet(partition, error);
    this.#forget(partition);
    this.#startClaiming(assignment, partition);
  }

  #startClaiming(assignment: LogAssignment, partition: number): void {
    this.#start(this.#claim(assignment, partition));
  }

  #start(work: Promise<void>): void {
    const working = work.finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  async #claim(assignment: LogAssignment, partition: number): Promise<void> {
    for (let attempt = 0; !assignment.signal.aborted; attempt++) {
      try {
        // Only a member may claim: a process that lost its membership would fence the true owner again and again.
        await assignment.proveMembership();
        const claim = await this.#options.ledger.claim(partition, this.#options.owner);
        if (assignment.signal.aborted) return;
        if (claim.halt !== undefined) return this.#halt(partition, claim.halt, undefined);
        const { ownerEpoch, nextOffset, anchor } = claim;
        const owned: Owned = { assignment, ownerEpoch, nextOffset, anchor };
        const seen = this.#halts.get(partition);
        // Halt again: this process could not store the halt before it lost the partition, but the halt is still valid.
        if (seen !== undefined && staysHalted.has(seen.reason) && !this.#written.has(seen)) {
          return this.#halt(partition, seen, owned);
        }
        this.#owned.set(partition, owned);
        this.#countOwned();
        await assignment.readFrom(partition, nextOffset, (record) => isCounted(record, owned));
        this.#options.metrics.sumpipeline_next_offset.set({ partition }, Number(nextOffset));
        // Commit the offset for dashboards: possibly the previous owner ended before its commit, and no record follows.
        this.#dashboards.tell(assignment, partition, nextOffset);
        this.#endPause();
        this.#options.metrics.sumpipeline_claims_total.inc({ result: 'ok' });
        this.#options.logger.info({ partition, ownerEpoch, nextOffset }, 'partition claimed');
        return;
      } catch (error) {
        // Ignore the error if the assignment has ended: another process may own the partition now.
        if (assignment.signal.aborted) return;
        const owned = this.#owned.get(partition);
        this.#forget(partition);
        this.#options.metrics.sumpipeline_claims_total.inc({ result: 'failed' });
        if (error instanceof LogRangeError && !isOnlyUnlisted(error))
          return this.#halt(partition, haltOf(error), owned);
        if (error instanceof BooksError) return this.#halt(partition, booksHalt(partition, error), owned);
        if (error instanceof StoreIdentityError) return this.#options.onFatal(error);
        this.#options.logger.warn({ error, partition, attempt }, 'claim failed; retrying');
        this.#meet(partition, error);
        const wait = { minimumMs: 100, maximumMs: 5000, random: this.#options.random };
        await pause(backoffMs(attempt, wait), assignment.signal);
      }
    }
  }

  /**
   * Halts a partition. `owned` is the claim under which the halt is stored in PostgreSQL. If `owned` is undefined, the
   * halt is not stored: PostgreSQL already has it, or this process has no claim.
   */
  #halt(partition: number, halt: PartitionHalt, owned: Owned | undefined): void {
    this.#options.logger.error({ partition, reason: halt.reason, detail: halt.message }, 'partition halted');
    this.#forget(partition);
    this.#halts.set(partition, halt);
    this.#options.metrics.sumpipeline_halted_partitions.set(this.#halts.size);
    this.#options.metrics.sumpipeline_partition_halted.set({ partition }, 1);
    this.#endPause();
    if (owned === undefined) this.#written.add(halt);
    else this.#start(this.#write(partition, halt, owned));
    this.#options.onChange();
  }

  /** Stores the halt in PostgreSQL. Retries until it is stored, the assignment ends, or another owner claims. */
  async #write(partition: number, halt: PartitionHalt, { assignment, ownerEpoch }: Owned): Promise<void> {
    const { ledger, logger, random, onChange } = this.#options;
    const stays = staysHalted.has(halt.reason);
    for (let attempt = 0; !assignment.signal.aborted && this.#halts.get(partition) === halt; attempt++) {
      try {
        await ledger.halt({ ...halt, partition, ownerEpoch, stays });
        this.#written.add(halt);
        onChange();
        return;
      } catch (error) {
        if (error instanceof FencedError) {
          // Another process owns the partition now, and halts it if necessary. Do not mark a halt that stays: then the
          // next claim of this process halts the partition again.
          if (!stays) this.#written.add(halt);
          return;
        }
        logger.warn({ error, partition, attempt }, 'the halt could not be written to PostgreSQL; retrying');
        await pause(backoffMs(attempt, { minimumMs: 100, maximumMs: 5000, random }), assignment.signal);
      }
    }
  }

  #unhalt(partition: number): boolean {
    this.#options.metrics.sumpipeline_partition_halted.remove({ partition });
    const wasHalted = this.#halts.delete(partition);
    this.#options.metrics.sumpipeline_halted_partitions.set(this.#halts.size);
    return wasHalted;
  }

  /**
   * Call it when the connection to Kafka has ended: another process, or the next connection, counts the partitions.
   * Removes the metric series of the partitions, so that no old number is shown beside a new number. The halts stay
   * known until the next connection replaces them.
   */
  retire(): void {
    const { metrics } = this.#options;
    this.#forgetAll();
    for (const partition of this.#halts.keys()) metrics.sumpipeline_partition_halted.remove({ partition });
    metrics.sumpipeline_halted_partitions.set(0);
    metrics.sumpipeline_assigned_partitions.set(0);
  }

  #forget(partition: number): void {
    this.#owned.delete(partition);
    this.#options.metrics.sumpipeline_lag_records.remove({ partition });
    this.#options.metrics.sumpipeline_next_offset.remove({ partition });
    this.#countOwned();
  }

  #forgetAll(): void {
    for (const partition of [...this.#owned.keys()]) this.#forget(partition);
    this.#countOwned();
  }

  #countOwned(): void {
    this.#options.metrics.sumpipeline_owned_partitions.set(this.#owned.size);
    this.#options.metrics.sumpipeline_halted_partitions.set(this.#halts.size);
  }

  #recordApplied(batch: LogBatch, count: number, outcome: BatchOutcome, startedAt: number): void {
    const { metrics, now } = this.#options;
    metrics.sumpipeline_apply_duration_seconds.observe({ result: 'ok' }, this.#secondsSince(startedAt));
    metrics.sumpipeline_apply_batch_records.observe(count);
    for (const disposition of batchDispositions) {
      metrics.sumpipeline_dispositions_total.inc({ disposition }, outcome[disposition]);
    }
    const newest = batch.records[count - 1];
    if (newest !== undefined) {
      metrics.sumpipeline_freshness_seconds.set(Math.max(0, (now() - newest.appendedAt) / 1000));
    }
    const lag = batch.highWatermark - batch.firstOffset - BigInt(count);
    metrics.sumpipeline_lag_records.set({ partition: batch.partition }, Number(lag));
    metrics.sumpipeline_next_offset.set({ partition: batch.partition }, Number(batch.firstOffset) + count);
  }

  #secondsSince(startedAt: number): number {
    return (this.#options.now() - startedAt) / 1000;
  }
}

/**
 * Returns true if the range holds the wanted offset: then the only problem is that the broker does not list the
 * partition yet. This happens shortly after the partition was added. Retry the claim, because a halt would stay.
 */
function isOnlyUnlisted({ wanted, earliest, end }: LogRangeError): boolean {
  return earliest <= wanted && wanted <= end;
}

/** Returns whether the record is the last counted record. True if no anchor is stored: the next commit stores one. */
function isCounted(record: LogRecord, { anchor }: Owned): boolean {
  return anchor === undefined || isAnchoredBy(record, anchor);
}

function haltOf(error: LogStopError): Halt {
  const advice = 'The ledger was not changed. Restore the log. Do not skip records before you know which are lost';
  if (error instanceof LogGapError) return { reason: 'LogGap', message: `${error.message}. ${advice}` };
  const clear =
    'The partition stays halted, even if the log grows again. After the counted log is restored, change the row of ' +
    'the partition in table partitions: set halt_reason and halt_message to NULL, and halt_stays to false. ' +
    'Then restart the aggregators';
  const reason = error instanceof LogRewrittenError ? 'LogRewritten' : 'LogTruncated';
  return { reason, message: `${error.message}. ${advice}. ${clear}` };
}

function booksHalt(partition: number, error: BooksError): Halt {
  return {
    reason: 'BooksBroken',
    message: `partition ${partition}: ${error.message} (${error.reason}). Nothing was committed. Run sumctl verify`,
  };
}
