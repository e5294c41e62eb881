import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { backoffMs } from '#platform/time.ts';
import { contiguousBatches, rangeProblem, toRecord } from './delivery.ts';
import {
  type BatchResult,
  type IsSameRecord,
  type LogAssignment,
  type LogBatch,
  LogError,
  LogGapError,
  type LogRange,
  type LogRangeError,
  type LogRecord,
  LogRewrittenError,
  type LogStopError,
} from './port.ts';

export interface DeliveriesOptions {
  readonly consumer: Consumer;
  readonly topic: string;
  readonly logger: Logger;
  /** Returns a number in [0, 1) for the jitter of the pauses after `again`. */
  readonly random: () => number;
  readonly recordsMax: number;
  readonly heartbeatMs: number;
  readonly onBatch: (batch: LogBatch) => Promise<BatchResult>;
  readonly onStopped: (partition: number, error: LogStopError) => void;
  readonly onWaits: (partition: number, why: string) => void;
  readonly onFatal: (error: Error) => void;
  /** Asks Kafka whether the partition can be read from `wanted`, and for its first offset. */
  readonly askRange: (partition: number, wanted: bigint) => Promise<RangeAnswer>;
  /** Asks Kafka whether a transaction is the reason why kafkajs does not deliver the next record. */
  readonly probe: Probe;
}

/**
 * Returns the record at the offset if kafkajs never delivers it, or `open` if a transaction has not ended there.
 * Otherwise returns undefined. See probeOffset.
 */
type Probe = (partition: number, offset: bigint) => Promise<LogRecord | 'open' | undefined>;

export interface RangeAnswer {
  readonly problem: LogRangeError | undefined;
  /** The first offset that the log holds. */
  readonly earliest: bigint;
}

/**
 * If this many batches in a row begin at a wrong offset, the log itself is wrong. Fewer are normal: after a seek, each
 * broker may still send one batch from the old offset.
 */
const mismatchesMax = 3;
/** If records exist but are not delivered in this many checks, kafkajs is stuck without reporting it. */
const stalledChecksMax = 6;
/** After this many checks without a record, a partition is compared with Kafka even if other partitions are busy. */
const quietChecksMin = 3;
/** Pauses of a partition after results without progress, in milliseconds. */
const restBackoffMs = { minimumMs: 100, maximumMs: 5_000 };

/** A partition that delivered nothing since the last check. */
interface Idle {
  readonly partition: number;
  /** True while handlers of other partitions are running. */
  readonly isBusy: boolean;
}

/**
 * The state of one partition, from `begin` until its delivery ends. The next `begin` makes a new object, so that
 * callbacks of an earlier delivery are recognised.
 */
interface Reading {
  readonly assignment: LogAssignment;
  readonly partition: number;
  /** The offset that must come next. */
  next: bigint;
  /** Undefined if nothing of the partition was counted: then there is no record to compare. */
  readonly isSame: IsSameRecord | undefined;
  /** If true, the record before `next` must be fetched and compared before any record is delivered. */
  isToCompare: boolean;
  /**
   * Leader epoch of the last record that was delivered or compared. A change matters: a new leader may have overwritten
   * counted records.
   */
  leaderEpoch: number | undefined;
  /** `resting`: nothing is fetched until a timer or a check resumes the partition. */
  phase: 'reading' | 'resting';
  /** How many fetches in a row began at a wrong offset. */
  mismatches: number;
  /** Number of `again` results since the last progress. */
  failures: number;
  /** `next` at the last check for idle partitions. */
  checked: bigint | undefined;
  stalledChecks: number;
  /** How many checks in a row found that the partition had delivered nothing. */
  quietChecks: number;
}

export interface ReadingPlace {
  readonly assignment: LogAssignment;
  readonly partition: number;
  readonly offset: bigint;
  readonly earliest: bigint;
  readonly isSame: IsSameRecord | undefined;
}

/**
 * Decides which records of each partition are delivered. kafkajs fetches, but its fetches are not trusted. A batch is
 * delivered only if the caller requested the partition, and the batch begins exactly at the next offset. Its offsets
 * must go up by one.
 *
 * The phases of a partition:
 *   1. `begin` starts the delivery. The phase is `reading`: records are fetched and delivered.
 *   2. After the result `again`, or when the range of the log must be read, the phase is `resting`: nothing is fetched.
 *   3. After the pause, or when the range is known, the phase is `reading` again.
 *   4. `end`, the result `stop`, a range error and a gap error end the delivery, in both phases.
 */
export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #readings = new Map<number, Reading>();
  /** Key: partition. Value: its running handler, possibly of an older generation. */
  readonly #handling = new Map<number, Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  /** Returns any partition that is being read, with its next offset, or undefined. */
  any(): { readonly partition: number; readonly next: bigint } | undefined {
    return this.#readings.values().next().value;
  }

  /** Delivers the partition from `offset` on. The caller has checked that the log holds `offset`. */
  begin(place: ReadingPlace): void {
    const { assignment, partition, offset, earliest, isSame } = place;
    const reading: Reading = {
      assignment,
      partition,
      next: offset,
      isSame,
      isToCompare: isSame !== undefined && earliest < offset,
      leaderEpoch: undefined,
      phase: 'resting',
      mismatches: 0,
      failures: 0,
      checked: undefined,
      stalledChecks: 0,
      quietChecks: 0,
    };
    this.#readings.set(partition, reading);
    this.#resume(reading);
  }

  end(partition: number): void {
    if (this.#readings.delete(partition)) this.applyPauses();
  }

  endAll(): void {
    this.#readings.clear();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.applyPauses();
  }

  /**
   * Pauses all partitions except those that are being read. Pauses the whole topic first, because only that also pauses
   * partitions that a later join assigns. A call that pauses single partitions would end the pause of the topic.
   */
  applyPauses(): void {
    const { consumer, topic } = this.#options;
    const active = [...this.#readings.values()].filter(({ phase }) => phase === 'reading');
    try {
      consumer.pause([{ topic }]);
      consumer.resume([{ topic, partitions: active.map(({ partition }) => partition) }]);
    } catch (error) {
      // After a crash kafkajs refuses the call. It then fetches nothing, so there is nothing to pause.
      this.#options.logger.debug({ error }, 'the consumer is not running');
    }
  }

  /**
   * Takes the records that kafkajs fetched of one partition. Rejects only if a heartbeat is refused, because kafkajs
   * must know that.
   */
  async deliver(payload: EachBatchPayload): Promise<void> {
    const { partition, messages } = payload.batch;
    const reading = this.#readings.get(partition);
    const [first] = messages;
    // Ignore records of a partition that is not being read: they were fetched before a pause, seek or join took effect.
    if (reading === undefined || reading.phase !== 'reading' || first === undefined) return;
    // Loop: several calls may wait for the same handler, and only one of them may run next.
    while (this.#handling.has(partition)) await this.#handling.get(partition);
    if (!this.#isLive(reading)) return;
    const got = BigInt(first.offset);
    if (got !== placeOf(reading)) {
      this.#mismatch(reading, got);
      return;
    }
    reading.mismatches = 0;
    const counted = reading.isToCompare ? 1 : 0;
    if (!this.#compare(reading, toRecord(first))) return;
    // Mark the compared record as done: otherwise kafkajs would fetch it again.
    if (counted > 0) payload.resolveOffset(first.offset);
    const work = this.#handleAll(reading, payload, messages.slice(counted));
    const handling: Promise<void> = Promise.allSettled([work]).then(() => {});
    this.#handling.set(partition, handling);
    try {
      await work;
    } finally {
      if (this.#handling.get(partition) === handling) this.#handling.delete(partition);
    }
  }

  /**
   * Returns whether delivery may continue. If a comparison is due, `first` is the record before `next` and is compared.
   * If another leader wrote `first`, returns false: the record before `next` is then fetched and compared.
   */
  #compare(reading: Reading, first: LogRecord): boolean {
    const { partition, isSame, leaderEpoch } = reading;
    if (isSame === undefined) return true;
    const isOfAnother = leaderEpoch !== undefined && first.leaderEpoch !== leaderEpoch;
    // A record without a leader epoch does not show its leader, so it causes no comparison.
    if (!reading.isToCompare && isOfAnother && first.leaderEpoch !== undefined) {
      reading.isToCompare = true;
      // After the comparison this leader is trusted. Another leader causes another comparison.
      reading.leaderEpoch = first.leaderEpoch;
      this.#checkRange(reading, undefined);
      return false;
    }
    if (!reading.isToCompare) return true;
    reading.isToCompare = false;
    if (isSame(first)) {
      reading.leaderEpoch ??= first.leaderEpoch;
      return true;
    }
    this.end(partition);
    this.#options.onStopped(partition, new LogRewrittenError({ partition, offset: first.offset }));
    return false;
  }

  /** Call it when kafkajs has lost its offset in the partition and will continue at another offset. */
  lostPlace(partition: number): void {
    const reading = this.#readings.get(partition);
    if (reading !== undefined) this.#checkRange(reading, undefined);
  }

  /**
   * Returns the partitions that delivered nothing since the last call. While a handler of another partition runs, a
   * quiet partition may only be waiting for its turn. In this case it is returned only after several quiet checks.
   */
  idle(): readonly Idle[] {
    const isBusy = this.#handling.size > 0;
    const idle: Idle[] = [];
    for (const reading of this.#readings.values()) {
      const { partition, phase, next, checked } = reading;
      const isQuiet = phase === 'reading' && next === checked && !this.#handling.has(partition);
      reading.quietChecks = isQuiet ? reading.quietChecks + 1 : 0;
      reading.checked = next;
      if (isQuiet && (!isBusy || reading.quietChecks >= quietChecksMin)) idle.push({ partition, isBusy });
    }
    return idle;
  }

  /**
   * Compares idle partitions with Kafka's offsets. If the log no longer holds the next offset, checks the range again.
   * If the log has records that kafkajs does not deliver, probes the next offset and seeks again. If that does not help
   * in several checks, kafkajs is stuck: reports a fatal error.
   */
  compare(idle: readonly Idle[], ranges: ReadonlyMap<number, LogRange>): void {
    for (const { partition, isBusy } of idle) {
      const reading = this.#readings.get(partition);
      if (reading === undefined || reading.phase !== 'reading' || reading.next !== reading.checked) continue;
      const { next } = reading;
      const end = ranges.get(partition)?.end ?? 0n;
      if (isBusy) this.#askWhetherOpen(reading, end);
      else if (rangeProblem(partition, next, ranges) !== undefined) this.#checkRange(reading, undefined);
      else if (end === next) reading.stalledChecks = 0;
      else this.#stalled(reading, end);
    }
  }

  /**
   * Asks Kafka whether a transaction is open at the next offset. Does not seek: a seek would drop fetched records that
   * wait for their turn.
   */
  #askWhetherOpen(reading: Reading, end: bigint): void {
    if (end === reading.next) return;
    const { probe, logger } = this.#options;
    const { partition } = reading;
    probe(partition, reading.next).then(
      (found) => {
        if (found === 'open' && this.#isLive(reading)) this.#waitsForTransaction(reading);
      },
      (error: unknown) => logger.debug({ error, partition }, 'cannot read what the log holds at the next offset'),
    );
  }

  #waitsForTransaction({ partition, next }: Reading): void {
    this.#options.onWaits(partition, `a transaction of a foreign producer has not ended at offset ${next}`);
  }

  #stalled(reading: Reading, end: bigint): void {
    const { partition, next } = reading;
    reading.stalledChecks += 1;
    if (reading.stalledChecks >= stalledChecksMax) {
      this.#options.onFatal(
        new LogError(`partition ${partition} holds records up to ${end}, but Kafka delivered none from ${next} on`),
      );
      return;
    }
    const fields = { partition, next: String(next), end: String(end) };
    this.#options.logger.warn(fields, 'the log has records but Kafka delivers none; reading the first of them');
    reading.phase = 'resting';
    this.applyPauses();
    this.#look(reading, undefined);
  }

  #isLive(reading: Reading): boolean {
    return this.#readings.get(reading.partition) === reading;
  }

  /** Call it only directly after the range of the log was read: it seeks, and the log must hold the offset. */
  #resume(reading: Reading): void {
    if (!this.#isLive(reading)) return;
    reading.phase = 'reading';
    this.#seek(reading);
    this.applyPauses();
  }

  #seek(reading: Reading): void {
    const { consumer, topic } = this.#options;
    consumer.seek({ topic, partition: reading.partition, offset: String(placeOf(reading)) });
  }

  async #handleAll(reading: Reading, payload: EachBatchPayload, messages: readonly KafkaMessage[]): Promise<void> {
    const highWatermark = BigInt(payload.batch.highWatermark);
    for (const records of contiguousBatches(messages, reading.next, this.#options.recordsMax)) {
      const result = await this.#handle(reading, records, highWatermark, payload);
      if (!this.#isLive(reading)) return;
      if (!this.#takeResult(reading, records, result)) return;
      payload.resolveOffset(String(reading.next - 1n));
      await payload.heartbeat();
      if (!this.#isLive(reading) || !payload.isRunning()) return;
    }
  }

  async #handle(
    { partition, assignment }: Reading,
    records: readonly [LogRecord, ...LogRecord[]],
    highWatermark: bigint,
    payload: EachBatchPayload,
  ): Promise<BatchResult> {
    const { logger, heartbeatMs, onBatch } = this.#options;
    const beat = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        // Ignore the error: kafkajs sends another heartbeat after the batch, and handles the error there.
        logger.debug({ error, partition }, 'a heartbeat was refused during a batch');
      });
    }, heartbeatMs);
    const firstOffset = records[0].offset;
    try {
      return await onBatch({ partition, firstOffset, records, highWatermark, assignment });
    } catch (error) {
      logger.warn({ error, partition, offset: String(firstOffset) }, 'a batch failed; delivering it again');
      return { kind: 'again' };
    } finally {
      clearInterval(beat);
    }
  }

  /** Applies the result of `onBatch`. Returns true if delivery continues with the next records of the same fetch. */
  #takeResult(reading: Reading, records: readonly LogRecord[], result: BatchResult): boolean {
    const end = reading.next + BigInt(records.length);
    switch (result.kind) {
      case 'confirmed': {
        const { nextOffset } = result;
        if (nextOffset < reading.next || nextOffset > end) {
          const problem = `offset ${nextOffset} was confirmed, but the batch has offsets ${reading.next} to ${end - 1n}`;
          this.#options.onFatal(new LogError(`partition ${reading.partition}: ${problem}`));
          return false;
        }
        if (nextOffset > reading.next) {
          reading.failures = 0;
          reading.leaderEpoch = records[Number(nextOffset - reading.next) - 1]?.leaderEpoch;
        }
        reading.next = nextOffset;
        if (nextOffset === end) return true;
        this.#rest(reading);
        return false;
      }
      case 'again':
        this.#rest(reading);
        return false;
      case 'stop':
        this.end(reading.partition);
        return false;
      default:
        return result satisfies never;
    }
  }

  #rest(reading: Reading): void {
    const ms = backoffMs(reading.failures, { ...restBackoffMs, random: this.#options.random });
    reading.failures += 1;
    reading.phase = 'resting';
    this.applyPauses();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#ask(reading, undefined);
    }, ms);
    this.#timers.add(timer);
  }

  /**
   * Reads what is at the next offset. kafkajs does not deliver transaction markers and records of aborted transactions.
   * They have offsets, so this method delivers each of them as an unreadable record. If the next offset has none of
   * them, reading continues or, if `gap` is set, stops with `gap`.
   */
  #look(reading: Reading, gap: LogGapError | undefined): void {
    const { partition, next, assignment } = reading;
    const { probe, onBatch, onStopped, logger } = this.#options;
    const before = this.#handling.get(partition);
    const looking = async () => {
      await before;
      if (!this.#isLive(reading)) return;
      if (reading.next !== next) return this.#resume(reading);
      const record = await probe(partition, placeOf(reading));
      if (!this.#isLive(reading)) return;
      if (record === 'open') {
        // kafkajs is not stuck: a foreign producer must end its transaction.
        reading.stalledChecks = 0;
        this.#waitsForTransaction(reading);
        return this.#resume(reading);
      }
      if (record === undefined) {
        if (gap === undefined) return this.#resume(reading);
        this.end(partition);
        return onStopped(partition, gap);
      }
      reading.stalledChecks = 0;
      if (reading.isToCompare) {
        reading.mismatches = 0;
        if (this.#compare(reading, record)) this.#resume(reading);
        return;
      }
      const records: [LogRecord] = [record];
      const result = await onBatch({ partition, firstOffset: next, records, highWatermark: next + 1n, assignment });
      if (!this.#isLive(reading)) return;
      reading.mismatches = 0;
      // Look at the next offset too: an aborted transaction can have any number of records.
      if (this.#takeResult(reading, records, result)) this.#look(reading, undefined);
    };
    const work = looking().catch((error: unknown) => {
      logger.warn({ error, partition }, 'cannot read what the log holds at the next offset; retrying');
      if (this.#isLive(reading)) this.#rest(reading);
    });
    this.#handling.set(partition, work);
    void work.finally(() => {
      if (this.#handling.get(partition) === work) this.#handling.delete(partition);
    });
  }

  #mismatch(reading: Reading, got: bigint): void {
    reading.mismatches += 1;
    const { partition, next } = reading;
    const fields = { partition, expected: String(next), got: String(got) };
    this.#options.logger.debug(fields, 'a batch begins at an unexpected offset');
    this.#checkRange(reading, reading.mismatches < mismatchesMax ? undefined : got);
  }

  #checkRange(reading: Reading, gapAt: bigint | undefined): void {
    if (!this.#isLive(reading) || reading.phase === 'resting') return;
    reading.phase = 'resting';
    this.applyPauses();
    this.#ask(reading, gapAt);
  }

  /**
   * Reads the range of the log. If the log holds the next offset, seeks and continues; if not, stops the partition.
   * Runs before every seek: kafkajs would jump over an offset that the log does not hold.
   *
   * `gapAt` is the offset that kafkajs delivers again and again instead of `next`. If it is set, looks at the next
   * offset, and stops the partition if nothing explains the gap.
   */
  #ask(reading: Reading, gapAt: bigint | undefined): void {
    if (!this.#isLive(reading)) return;
    const { partition, next } = reading;
    this.#options.askRange(partition, next).then(
      ({ problem, earliest }) => {
        if (!this.#isLive(reading)) return;
        // Retention deleted the record to compare, so compare nothing.
        if (earliest >= next) reading.isToCompare = false;
        const gap = gapAt === undefined ? undefined : new LogGapError({ partition, expected: next, got: gapAt });
        if (problem === undefined && gap !== undefined) return this.#look(reading, gap);
        if (problem === undefined) return this.#resume(reading);
        this.end(partition);
        this.#options.onStopped(partition, problem);
      },
      (error: unknown) => {
        this.#options.logger.warn({ error, partition }, 'cannot read the offset range of the log; retrying');
        if (this.#isLive(reading)) this.#rest(reading);
      },
    );
  }
}

/** The offset at which the next fetch must begin. */
function placeOf({ next, isToCompare }: Reading): bigint {
  return isToCompare ? next - 1n : next;
}
