import { type Consumer, type EachBatchPayload, type LogEntry, PartitionAssigners } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { backoffMs, withDeadline } from '#platform/time.ts';
import { AdminSession, readOffsets } from './admin.ts';
import { contiguousBatches, rangeProblem } from './delivery.ts';
import { explainKafkaError } from './errors.ts';
import { createKafkaClient, type KafkaClient } from './kafka.ts';
import { VouchedCommits } from './membership.ts';
import {
  type BatchResult,
  type LogAssignment,
  LogError,
  LogGapError,
  type LogRange,
  type LogRangeError,
  type LogReader,
  type LogReaderHandlers,
  type LogRecord,
  NotMemberError,
} from './port.ts';
import type { KafkaSettings } from './settings.ts';

export interface LogReaderOptions {
  readonly settings: KafkaSettings;
  readonly handlers: LogReaderHandlers;
  readonly logger: Logger;
  /** In [0, 1); jitter of the pauses after `again`. Default Math.random. */
  readonly random?: () => number;
  /** Milliseconds on any clock that only goes forward. Default performance.now. */
  readonly now?: () => number;
  /** Most records of one onBatch call. Default 1000: more does not make the transaction faster. */
  readonly recordsMax?: number;
  /** Partitions whose batches are handled at the same time. Default 4: as many transactions as a small pool takes. */
  readonly concurrentPartitions?: number;
}

/** A member that says nothing for this long loses its partitions: the longest wait after a kill -9 of an aggregator. */
const sessionTimeoutMs = 10_000;
const heartbeatMs = 2_000;
/** How long a rebalance waits for a member in the middle of a batch. */
const rebalanceTimeoutMs = 30_000;
/** A fetch without records ends after this, and so does closing: kafkajs waits for it. */
const fetchWaitMs = 250;
const partitionBytesMax = 1024 * 1024;
const fetchBytesMax = 8 * 1024 * 1024;
/** How soon added partitions are seen. */
const metadataAgeMs = 30_000;
/** About 15 s of trying inside kafkajs, then a crash, which is ours to answer. */
const consumerRetry = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 9 };
/** How often partitions that deliver nothing are compared with the range of the log. */
const idleCheckMs = 10_000;
/** Records are there and none comes, in this many checks: the client is stuck in a way that it does not report. */
const stalledChecksMax = 6;
/** No fetch, heartbeat or join for this long: the same. */
const silenceMaxMs = 60_000;
/** At most one stale batch per broker can follow a seek; from here on a wrong offset is the log's own. */
const mismatchesMax = 3;
const restBackoffMs = { minimumMs: 100, maximumMs: 5_000 };

/** One partition between `readFrom` and its end. Replaced, never reused: an old one that still works is recognised. */
interface Reading {
  readonly assignment: LogAssignment;
  readonly partition: number;
  /** The offset that must come next. */
  next: bigint;
  /** `resting`: nothing is fetched until a timer or a check resumes it. */
  phase: 'reading' | 'resting';
  /** Wrong first offsets in a row. */
  mismatches: number;
  /** Answers `again` in a row. */
  failures: number;
  /** `next` at the last idle check. */
  checked: bigint | undefined;
  stalledChecks: number;
}

/** Joins the group and reads. Throws LogError when Kafka cannot be reached, refuses us, or lacks the topic. */
export async function openLogReader(options: LogReaderOptions): Promise<LogReader> {
  const { settings, logger } = options;
  let onLog = (_entry: LogEntry): void => {};
  let client: KafkaClient | undefined;
  try {
    client = await createKafkaClient({ settings, logger, onLog: (entry) => onLog(entry) });
    const consumer = client.kafka.consumer({
      groupId: settings.group,
      partitionAssigners: [PartitionAssigners.roundRobin],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      metadataMaxAge: metadataAgeMs,
      maxWaitTimeInMs: fetchWaitMs,
      maxBytesPerPartition: partitionBytesMax,
      maxBytes: fetchBytesMax,
      allowAutoTopicCreation: false,
      // A restart inside kafkajs would forget which partitions are ours to pause: its crash ends this reader.
      retry: { ...consumerRetry, restartOnFailure: async () => false },
    });
    await consumer.connect();
    // Only names where kafkajs jumps when it loses its place; the offsets of every batch are checked against ours.
    await consumer.subscribe({ topics: [settings.topic], fromBeginning: true });
    const reader = new KafkaLogReader(options, client, consumer);
    onLog = (entry) => reader.heard(entry);
    reader.start();
    return reader;
  } catch (error) {
    client?.cut();
    throw explainKafkaError(error, settings);
  }
}

class KafkaLogReader implements LogReader {
  readonly #options: LogReaderOptions;
  readonly #topic: string;
  readonly #logger: Logger;
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #admin: AdminSession;
  readonly #commits: VouchedCommits;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #readings = new Map<number, Reading>();
  /** Handlers at work, also those of an older generation: a partition has at most one. */
  readonly #handling = new Map<number, Promise<void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #assignment: LogAssignment | undefined;
  #endAssignment = (): void => {};
  #generation = 0;
  #lastSign: number;
  #ranges: Promise<ReadonlyMap<number, LogRange>> | undefined;
  #isChecking = false;
  #isOver = false;

  constructor(options: LogReaderOptions, client: KafkaClient, consumer: Consumer) {
    this.#options = options;
    this.#topic = options.settings.topic;
    this.#logger = options.logger;
    this.#client = client;
    this.#consumer = consumer;
    this.#admin = new AdminSession({ settings: options.settings, logger: options.logger });
    this.#commits = new VouchedCommits(consumer, this.#topic);
    this.#now = options.now ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#lastSign = this.#now();
  }

  start(): void {
    const { events } = this.#consumer;
    const sign = () => {
      this.#lastSign = this.#now();
    };
    this.#consumer.on(events.FETCH, sign);
    this.#consumer.on(events.HEARTBEAT, sign);
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      sign();
      this.#joined(payload.memberAssignment[this.#topic] ?? []);
    });
    this.#consumer.on(events.REBALANCING, () => this.#endGeneration());
    this.#consumer.on(events.CRASH, ({ payload }) => this.#fail(payload.error));
    this.#consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: this.#options.concurrentPartitions ?? 4,
        eachBatch: (payload) => this.#deliver(payload),
      })
      .catch((error: unknown) => this.#fail(error));
    // Before the first join, in the same turn: whatever is assigned later begins paused.
    this.#applyPauses();
    const timer = setInterval(() => this.#checkIdle(), idleCheckMs);
    this.#timers.add(timer);
  }

  /** kafkajs says only in its log that it lost its place and will jump to the start of the log. */
  heard(entry: LogEntry): void {
    if (!entry.log.message.startsWith('Offset out of range')) return;
    const partition: unknown = entry.log['partition'];
    const reading = typeof partition === 'number' ? this.#readings.get(partition) : undefined;
    if (reading !== undefined) this.#judge(reading, undefined);
  }

  offsets(): Promise<ReadonlyMap<number, LogRange>> {
    return readOffsets(this.#admin, this.#topic);
  }

  async close(withinMs = 5_000): Promise<void> {
    this.#end();
    try {
      await withDeadline('leaving the consumer group', withinMs, this.#consumer.disconnect());
    } catch (error) {
      this.#logger.info({ error }, 'left the consumer group without its answer');
    }
    this.#client.cut();
    this.#admin.close();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#options.handlers.onFatal(explainKafkaError(error, this.#options.settings));
  }

  #end(): void {
    this.#isOver = true;
    this.#endGeneration();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  // Generations

  #endGeneration(): void {
    this.#readings.clear();
    this.#assignment = undefined;
    this.#endAssignment();
    this.#applyPauses();
  }

  #joined(partitions: readonly number[]): void {
    this.#endGeneration();
    if (this.#isOver) return;
    this.#generation += 1;
    const ended = new AbortController();
    this.#endAssignment = () => ended.abort();
    const assignment: LogAssignment = {
      generation: this.#generation,
      partitions: partitions.toSorted((one, other) => one - other),
      signal: ended.signal,
      proveMembership: () => this.#prove(assignment),
      readFrom: (partition, offset) => this.#readFrom(assignment, partition, offset),
      stop: (partition) => this.#stop(assignment, partition),
      commitForDashboards: (partition, nextOffset) => this.#commit(assignment, partition, nextOffset),
    };
    this.#assignment = assignment;
    this.#logger.info({ generation: assignment.generation, partitions: assignment.partitions }, 'joined the group');
    const tell = async () => this.#options.handlers.onAssigned(assignment);
    tell().catch((error: unknown) => this.#fail(error));
  }

  #requireCurrent(assignment: LogAssignment, partition?: number): void {
    if (this.#assignment !== assignment) throw new NotMemberError(`generation ${assignment.generation} is over`);
    if (partition !== undefined && !assignment.partitions.includes(partition)) {
      throw new NotMemberError(`partition ${partition} was not assigned in generation ${assignment.generation}`);
    }
  }

  async #prove(assignment: LogAssignment): Promise<void> {
    this.#requireCurrent(assignment);
    const reading = this.#readings.values().next().value;
    if (reading !== undefined) return this.#commit(assignment, reading.partition, reading.next);
    const [partition] = assignment.partitions;
    if (partition === undefined) throw new NotMemberError('no partition is assigned, there is nothing to prove with');
    return this.#commit(assignment, partition, await this.#committedOffset(partition));
  }

  /** What dashboards show now: a proof must say some offset and should not change what they show. */
  async #committedOffset(partition: number): Promise<bigint> {
    const { group } = this.#options.settings;
    const found = await this.#admin
      .use('reading the committed offsets', (admin) => admin.fetchOffsets({ groupId: group, topics: [this.#topic] }))
      .catch((error: unknown) => {
        throw new NotMemberError('the group coordinator does not answer', { cause: error });
      });
    const entry = found[0]?.partitions.find((candidate) => candidate.partition === partition);
    // Negative: nobody committed yet.
    const offset = BigInt(entry?.offset ?? -1);
    return offset < 0n ? 0n : offset;
  }

  async #commit(assignment: LogAssignment, partition: number, nextOffset: bigint): Promise<void> {
    this.#requireCurrent(assignment, partition);
    await this.#commits.commit(partition, nextOffset);
    // kafkajs commits with the generation it has by then: a yes for a later one says nothing about this one.
    this.#requireCurrent(assignment);
  }

  // Where to read

  async #readFrom(assignment: LogAssignment, partition: number, offset: bigint): Promise<void> {
    this.#stop(assignment, partition);
    this.#requireCurrent(assignment, partition);
    const problem = await this.#rangeProblem(partition, offset);
    this.#requireCurrent(assignment, partition);
    if (problem !== undefined) throw problem;
    const reading: Reading = {
      assignment,
      partition,
      next: offset,
      phase: 'resting',
      mismatches: 0,
      failures: 0,
      checked: undefined,
      stalledChecks: 0,
    };
    this.#readings.set(partition, reading);
    this.#resume(reading);
  }

  #stop(assignment: LogAssignment, partition: number): void {
    if (this.#assignment !== assignment || !this.#readings.delete(partition)) return;
    this.#applyPauses();
  }

  /** Asked twice, the second time on a fresh connection: a halt must not rest on what an old leader believes. */
  async #rangeProblem(partition: number, wanted: bigint): Promise<LogRangeError | undefined> {
    this.#ranges ??= this.offsets().finally(() => {
      this.#ranges = undefined;
    });
    const first = rangeProblem(partition, wanted, await this.#ranges);
    if (first === undefined) return undefined;
    this.#admin.forget();
    return rangeProblem(partition, wanted, await this.offsets());
  }

  #isLive(reading: Reading): boolean {
    return this.#readings.get(reading.partition) === reading && !this.#isOver;
  }

  #resume(reading: Reading): void {
    if (!this.#isLive(reading)) return;
    reading.phase = 'reading';
    this.#seek(reading);
    this.#applyPauses();
  }

  #seek({ partition, next }: Reading): void {
    this.#consumer.seek({ topic: this.#topic, partition, offset: String(next) });
  }

  /**
   * Everything is paused except what is being read. The whole topic first, because pausing single partitions would end
   * kafkajs' "pause all", under which partitions that a later join brings begin paused too.
   */
  #applyPauses(): void {
    const active = [...this.#readings.values()].filter(({ phase }) => phase === 'reading');
    try {
      this.#consumer.pause([{ topic: this.#topic }]);
      this.#consumer.resume([{ topic: this.#topic, partitions: active.map(({ partition }) => partition) }]);
    } catch (error) {
      // After a crash kafkajs has no group any more and refuses; then nothing is fetched either.
      this.#logger.debug({ error }, 'the consumer does not run');
    }
  }

  // Delivery

  async #deliver(payload: EachBatchPayload): Promise<void> {
    const { partition, messages } = payload.batch;
    const reading = this.#readings.get(partition);
    const [first] = messages;
    // Nobody asked for it: fetched before a pause, a seek or a join took effect.
    if (reading === undefined || reading.phase !== 'reading' || first === undefined) return;
    await this.#handling.get(partition);
    if (!this.#isLive(reading)) return;
    const got = BigInt(first.offset);
    if (got !== reading.next) return this.#mismatch(reading, got);
    reading.mismatches = 0;
    const work = this.#handleAll(reading, payload);
    const settled = work.then(
      () => {},
      () => {},
    );
    this.#handling.set(partition, settled);
    try {
      await work;
    } finally {
      this.#handling.delete(partition);
    }
  }

  async #handleAll(reading: Reading, payload: EachBatchPayload): Promise<void> {
    const { messages, highWatermark } = payload.batch;
    for (const records of contiguousBatches(messages, reading.next, this.#options.recordsMax ?? 1000)) {
      const result = await this.#handleWithHeartbeats(reading, records, BigInt(highWatermark), payload);
      if (!this.#isLive(reading)) return;
      if (!this.#settle(reading, records, result)) return;
      payload.resolveOffset(String(reading.next - 1n));
      await payload.heartbeat();
      if (!this.#isLive(reading) || !payload.isRunning()) return;
    }
  }

  async #handleWithHeartbeats(
    reading: Reading,
    records: readonly [LogRecord, ...LogRecord[]],
    highWatermark: bigint,
    payload: EachBatchPayload,
  ): Promise<BatchResult> {
    const { partition, assignment } = reading;
    const beat = setInterval(() => {
      payload.heartbeat().catch((error: unknown) => {
        // Told again, and answered, by the heartbeat that kafkajs sends itself after the batch.
        this.#logger.debug({ error, partition }, 'a heartbeat was refused during a batch');
      });
    }, heartbeatMs);
    try {
      const batch = { partition, firstOffset: records[0].offset, records, highWatermark, assignment };
      return await this.#options.handlers.onBatch(batch);
    } catch (error) {
      this.#logger.warn({ error, partition, offset: String(records[0].offset) }, 'a batch failed, delivering it again');
      return { kind: 'again' };
    } finally {
      clearInterval(beat);
    }
  }

  /** Takes the owner's answer over; true when delivery goes on with what follows in the same fetch. */
  #settle(reading: Reading, records: readonly LogRecord[], result: BatchResult): boolean {
    const end = reading.next + BigInt(records.length);
    switch (result.kind) {
      case 'confirmed': {
        if (result.nextOffset < reading.next || result.nextOffset > end) {
          this.#fail(new LogError(`offset ${result.nextOffset} was confirmed of a batch ${reading.next} to ${end}`));
          return false;
        }
        const isMoved = result.nextOffset > reading.next;
        reading.next = result.nextOffset;
        if (isMoved) reading.failures = 0;
        if (reading.next === end) return true;
        this.#rest(reading);
        return false;
      }
      case 'again':
        this.#rest(reading);
        return false;
      case 'stop':
        this.#stop(reading.assignment, reading.partition);
        return false;
      default:
        return result satisfies never;
    }
  }

  #rest(reading: Reading): void {
    const ms = backoffMs(reading.failures, { ...restBackoffMs, random: this.#random });
    reading.failures += 1;
    reading.phase = 'resting';
    this.#applyPauses();
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#resume(reading);
    }, ms);
    this.#timers.add(timer);
  }

  // What the log offers is not what was asked for

  #mismatch(reading: Reading, got: bigint): void {
    reading.mismatches += 1;
    this.#seek(reading);
    const { partition, next } = reading;
    this.#logger.debug({ partition, expected: String(next), got: String(got) }, 'a batch begins at another offset');
    if (reading.mismatches >= mismatchesMax) this.#judge(reading, got);
  }

  /** Stops the partition when the log does not hold what comes next; resumes it when it does and nothing else came. */
  #judge(reading: Reading, got: bigint | undefined): void {
    if (!this.#isLive(reading) || reading.phase === 'resting') return;
    reading.phase = 'resting';
    this.#applyPauses();
    const { partition, next } = reading;
    this.#rangeProblem(partition, next).then(
      (problem) => {
        if (!this.#isLive(reading)) return;
        const error = problem ?? (got === undefined ? undefined : new LogGapError({ partition, expected: next, got }));
        if (error === undefined) return this.#resume(reading);
        this.#stop(reading.assignment, partition);
        this.#options.handlers.onPartitionStopped(partition, error);
      },
      (error: unknown) => {
        this.#logger.warn({ error, partition }, 'the range of the log cannot be asked, trying again');
        if (this.#isLive(reading)) this.#rest(reading);
      },
    );
  }

  /**
   * kafkajs that jumped to the end, or is stuck, looks like a quiet log. So partitions that deliver nothing are compared
   * with the log now and then.
   */
  #checkIdle(): void {
    const silenceMs = this.#now() - this.#lastSign;
    if (silenceMs > silenceMaxMs) {
      this.#fail(new LogError(`the Kafka client did nothing for ${silenceMs} ms`));
      return;
    }
    const idle = [...this.#readings.values()].filter(
      ({ phase, next, checked }) => phase === 'reading' && next === checked,
    );
    for (const reading of this.#readings.values()) reading.checked = reading.next;
    // While a handler works, its fetch is not over and kafkajs asks that broker for nothing else.
    if (idle.length === 0 || this.#handling.size > 0 || this.#isChecking) return;
    this.#isChecking = true;
    this.offsets()
      .then((ranges) => {
        for (const reading of idle) this.#compare(reading, ranges);
      })
      .catch((error: unknown) => this.#logger.debug({ error }, 'the range of the log cannot be asked'))
      .finally(() => {
        this.#isChecking = false;
      });
  }

  #compare(reading: Reading, ranges: ReadonlyMap<number, LogRange>): void {
    const { partition, next } = reading;
    if (!this.#isLive(reading) || next !== reading.checked) return;
    if (rangeProblem(partition, next, ranges) !== undefined) {
      this.#judge(reading, undefined);
      return;
    }
    const end = ranges.get(partition)?.end ?? 0n;
    reading.stalledChecks = end > next ? reading.stalledChecks + 1 : 0;
    if (reading.stalledChecks === 0) return;
    this.#logger.warn(
      { partition, next: String(next), end: String(end) },
      'records wait but none comes, seeking again',
    );
    if (reading.stalledChecks >= stalledChecksMax) {
      this.#fail(new LogError(`partition ${partition} holds records up to ${end} but none came after ${next}`));
    } else if (reading.phase === 'reading') this.#resume(reading);
  }
}
