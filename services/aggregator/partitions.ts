import type { AggregatorMetrics } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { backoffMs, pause } from '#platform/time.ts';
import {
  type BatchResult,
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
  /** Confirms that the delivered records belong to the topic that the books count: see TopicIdentity.confirm. */
  readonly confirmLog: (partition: number) => Promise<void>;
  /** Name of this process in the books, for people. */
  readonly owner: string;
  readonly logger: Logger;
  readonly metrics: Metrics<AggregatorMetrics>;
  readonly now: () => number;
  readonly random: () => number;
  /** Called when a fact changed that the verdict may depend on. */
  readonly onChange: () => void;
  /** Called when positions were applied, so that waiting requests can check again. */
  readonly onApplied: () => void;
  /** Called when the session cannot continue: the books belong to another pipeline or log. */
  readonly onFatal: (error: Error) => void;
}

/** A claimed partition. Only the owner of a claim may commit. */
interface Owned {
  readonly assignment: LogAssignment;
  readonly ownerEpoch: bigint;
  nextOffset: bigint;
  /** Anchor of the last counted record; undefined if the books have no anchor. */
  anchor: Anchor | undefined;
}

/** The maximum of one batch: if this many records wait, the aggregator is the bottleneck. */
const fullBatchRecords = 1000n;

/** An obstacle that still exists is reported again sooner: by a claim within 30 s, an open transaction within 40 s. */
const obstacleMs = 90_000;

/** Halts after which the log must not be trusted again without an administrator. */
const staysHalted: ReadonlySet<string> = new Set<HaltReason>(['LogTruncated', 'LogRewritten']);

/**
 * The partitions that this process owns. A partition is in one of these states:
 *
 *   claiming  assigned by Kafka; proves membership, then takes the next fencing token in PostgreSQL, then reads
 *             from PostgreSQL's offset. Retries with backoff until the assignment ends.
 *   owned     batches are committed with the token. After a lost fence or an unknown outcome the batch and the
 *             token are dropped, and the state is claiming again.
 *   halted    an administrator must check the partition. Nothing is read; other partitions continue. The halt is
 *             stored in the books, for the other replicas and the next process. A later assignment retries, and a
 *             committed batch clears the halt. But a truncated log is not retried, because it may have grown past
 *             the next offset meanwhile: an administrator clears that halt in the books.
 */
export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #owned = new Map<number, Owned>();
  readonly #halts = new Map<number, PartitionHalt>();
  /** Halts that are stored in the books. */
  readonly #written = new WeakSet<PartitionHalt>();
  readonly #working = new Set<Promise<void>>();
  /** By partition, an external cause that blocks its progress. */
  readonly #obstacles = new Map<number, { readonly why: string; readonly at: number }>();
  #assignment: LogAssignment | undefined;
  readonly #dashboards: Dashboards;
  readonly #backlogClock: BacklogClock;
  /** Since when assigned partitions are not counted because the group changed; undefined while all are counted. */
  #pausedAt: number | undefined;

  constructor(options: PartitionsOptions) {
    this.#options = options;
    this.#dashboards = new Dashboards(options.logger);
    this.#backlogClock = new BacklogClock(options.now);
  }

  /** Halts by partition. */
  get halts(): ReadonlyMap<number, PartitionHalt> {
    return this.#halts;
  }

  /** The next offset of each owned partition. */
  get owned(): ReadonlyMap<number, Readonly<Pick<Owned, 'nextOffset'>>> {
    return this.#owned;
  }

  /** The partitions that this process should count, claimed or not: all assigned partitions that are not halted. */
  get counting(): readonly number[] {
    return (this.#assignment?.partitions ?? []).filter((partition) => !this.#halts.has(partition));
  }

  /** By assigned partition, why it waits for Kafka, PostgreSQL or a foreign producer. */
  get obstacles(): ReadonlyMap<number, string> {
    const from = this.#options.now() - obstacleMs;
    return new Map([...this.#obstacles].flatMap(([partition, { why, at }]) => (at < from ? [] : [[partition, why]])));
  }

  /** True while this process is a member of the group, as far as it knows. */
  get isMember(): boolean {
    return this.#assignment?.signal.aborted === false;
  }

  /** Starts to claim the partitions of a new generation; the last generation's partitions are dropped. */
  assign(assignment: LogAssignment): void {
    this.#forgetAll();
    this.#obstacles.clear();
    for (const [partition, halt] of this.#halts) {
      // From now on the books show this halt; the next owner may also clear it.
      if (this.#written.has(halt) && !assignment.partitions.includes(partition)) this.#unhalt(partition);
    }
    this.#countOwned();
    this.#assignment = assignment;
    this.#options.metrics.sumpipeline_assigned_partitions.set(assignment.partitions.length);
    this.#pausedAt ??= this.#options.now();
    assignment.signal.addEventListener('abort', () => this.#endAssignment(assignment), { once: true });
    for (const partition of assignment.partitions) this.#startClaiming(assignment, partition);
  }

  /** The assignment ended; the pause begins unless the next assignment has arrived already. */
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
      // The port guarantees that this never happens; the next offset from the books is checked anyway.
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
   * Runs between fetch and commit, because a re-created topic delivers records at the same offsets without an error.
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

  /** Only batches with a full batch waiting after them show the capacity: at low load a batch has one record. */
  #countBacklog(records: number): void {
    const { metrics } = this.#options;
    metrics.sumpipeline_backlogged_seconds_total.inc(this.#backlogClock.end());
    metrics.sumpipeline_backlogged_records_total.inc(records);
  }

  /** Reports that a partition is blocked by another process, for example by an open transaction. */
  waits(partition: number, why: string): void {
    if (this.#owned.has(partition)) this.#obstacles.set(partition, { why, at: this.#options.now() });
  }

  /** Records only errors with a known external cause: any other may be a fault of this process. */
  #meet(partition: number, error: unknown): void {
    // A member that repeatedly cannot prove its membership is not waiting for an external cause.
    if (error instanceof NotMemberError) return;
    if (error instanceof StoreUnavailableError || error instanceof LogError) {
      this.#obstacles.set(partition, { why: error.message, at: this.#options.now() });
    }
  }

  /** Halts a partition that the reader stopped because the log does not match the books. */
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

  /** Fence lost or outcome unknown: the local state of the partition is invalid, so read it from the books again. */
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
        // Only a member may claim: a zombie would fence off the true owner again and again.
        await assignment.proveMembership();
        const claim = await this.#options.ledger.claim(partition, this.#options.owner);
        if (assignment.signal.aborted) return;
        if (claim.halt !== undefined) return this.#halt(partition, claim.halt, undefined);
        const { ownerEpoch, nextOffset, anchor } = claim;
        const owned: Owned = { assignment, ownerEpoch, nextOffset, anchor };
        const seen = this.#halts.get(partition);
        // A halt that this process could not store in time is still valid.
        if (seen !== undefined && staysHalted.has(seen.reason) && !this.#written.has(seen)) {
          return this.#halt(partition, seen, owned);
        }
        this.#owned.set(partition, owned);
        this.#countOwned();
        await assignment.readFrom(partition, nextOffset, (record) => isCounted(record, owned));
        this.#options.metrics.sumpipeline_next_offset.set({ partition }, Number(nextOffset));
        // The last owner may have died between its commit to PostgreSQL and the one to Kafka, and no record may follow.
        this.#dashboards.tell(assignment, partition, nextOffset);
        this.#endPause();
        this.#options.metrics.sumpipeline_claims_total.inc({ result: 'ok' });
        this.#options.logger.info({ partition, ownerEpoch, nextOffset }, 'partition claimed');
        return;
      } catch (error) {
        // The next generation may own the partition by now, so this error is outdated.
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

  /** `owned` is the claim at the time of the halt; undefined if the books have the halt, or without a claim. */
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

  /** Stores the halt in the books; retries until it is stored, the assignment ends or another owner claims. */
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
          // From now on the new owner reports the partition; a halt that stays is reported again at the next claim.
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
   * The connection has ended: another process, or the next connection, counts its partitions. Their series must not
   * stay; otherwise old numbers are shown beside new ones. The halts stay known until the next connection replaces
   * them.
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
 * Nothing of the partition was counted and the broker does not list it, so it was added a moment ago. The claim is
 * retried; a halt would stay.
 */
function isOnlyUnlisted({ wanted, earliest, end }: LogRangeError): boolean {
  return earliest <= wanted && wanted <= end;
}

/** Without an anchor there is nothing to compare; the next commit stores an anchor. */
function isCounted(record: LogRecord, { anchor }: Owned): boolean {
  return anchor === undefined || isAnchoredBy(record, anchor);
}

function haltOf(error: LogStopError): Halt {
  const advice = 'The ledger was not changed. Restore the log; do not skip records before the loss is understood';
  if (error instanceof LogGapError) return { reason: 'LogGap', message: `${error.message}. ${advice}` };
  const clear =
    'The partition stays halted, even if the log grows again. When the counted log is restored, set halt_reason and ' +
    "halt_message of the partition to NULL and halt_stays to false in the schema's table partitions, and restart the aggregators";
  const reason = error instanceof LogRewrittenError ? 'LogRewritten' : 'LogTruncated';
  return { reason, message: `${error.message}. ${advice}. ${clear}` };
}

function booksHalt(partition: number, error: BooksError): Halt {
  return {
    reason: 'BooksBroken',
    message: `partition ${partition}: ${error.message} (${error.reason}). Nothing was committed; run sumctl verify`,
  };
}
