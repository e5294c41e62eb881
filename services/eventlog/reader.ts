import { type Consumer, type LogEntry, PartitionAssigners } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { shareWhileOpen } from '#platform/share.ts';
import { pause, withDeadline } from '#platform/time.ts';
import { AdminSession, readOffsets } from './admin.ts';
import { untilCoordinatorServes } from './coordinator.ts';
import { Deliveries, type RangeAnswer, type ReadingPlace } from './deliveries.ts';
import { rangeProblem } from './delivery.ts';
import { explainKafkaError } from './errors.ts';
import { createKafkaClient, type KafkaClient } from './kafka.ts';
import { VouchedCommits } from './membership.ts';
import {
  batchRecordsMax,
  type LogAssignment,
  LogError,
  type LogRange,
  type LogReader,
  type LogReaderHandlers,
  type LogRecord,
  LogUnavailableError,
  NotMemberError,
} from './port.ts';
import { readCredentials } from './produce/broker.ts';
import { BrokerConnections } from './produce/connections.ts';
import { TopicMetadata } from './produce/metadata.ts';
import { probeOffset } from './produce/probe.ts';
import type { KafkaSettings } from './settings.ts';

export interface LogReaderOptions {
  readonly settings: KafkaSettings;
  readonly handlers: LogReaderHandlers;
  readonly logger: Logger;
  /** Returns a number in [0, 1) for the jitter of the pauses after `again`. Default Math.random. */
  readonly random?: () => number;
  /** Returns milliseconds of a monotonic clock. Default performance.now. */
  readonly now?: () => number;
  /** Maximum number of records of one onBatch call. Default `batchRecordsMax`. */
  readonly recordsMax?: number;
  /** Maximum number of partitions handled at the same time. Default 4: each needs a connection to PostgreSQL. */
  readonly concurrentPartitions?: number;
  /** How often partitions that deliver nothing are compared with Kafka's offsets, in milliseconds. Default 10 s. */
  readonly idleCheckMs?: number;
}

/**
 * A member without heartbeats for this long loses its partitions. So the partitions of a killed aggregator are not
 * counted for about this long.
 */
const sessionTimeoutMs = 10_000;
/** How often a heartbeat is sent. Four can be lost before the session timeout. */
const heartbeatMs = 2_000;
/** How long a rebalance waits for a member that handles a batch. A slower member loses its partitions. */
const rebalanceTimeoutMs = 30_000;
/** A fetch without records ends after this time. It is short, because closing waits for the end of the fetch. */
const fetchWaitMs = 250;
/** Maximum size of a response, in bytes, per partition and in total, so that fetched records need little memory. */
const partitionBytesMax = 1024 * 1024;
const fetchBytesMax = 8 * 1024 * 1024;
/** How often kafkajs reads the metadata, so that it notices new partitions. */
const metadataAgeMs = 30_000;
/** Retries of kafkajs, about 15 s in total. Then kafkajs reports a crash, which ends this reader. */
const consumerRetry = { initialRetryTime: 200, maxRetryTime: 2_000, retries: 9 };
/** After this time without a fetch, heartbeat or join, kafkajs is stuck without reporting it: the reader ends. */
const silenceMaxMs = 60_000;

/** Joins the group and reads. Throws LogError if Kafka does not respond, refuses the client, or lacks the topic. */
export async function openLogReader(options: LogReaderOptions): Promise<LogReader> {
  const { settings, logger } = options;
  let onLog = (_entry: LogEntry): void => {};
  let client: KafkaClient | undefined;
  const admin = new AdminSession({ settings, logger });
  try {
    const { group, topic } = settings;
    await untilCoordinatorServes({ admin, group, topic, now: options.now ?? (() => performance.now()), pause });
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
      // Forbid a restart inside kafkajs: it would lose the pauses of partitions. A crash of kafkajs ends this reader.
      retry: { ...consumerRetry, restartOnFailure: async () => false },
    });
    await consumer.connect();
    // `fromBeginning` only says where kafkajs continues if it loses its offset. The offsets of every batch are checked.
    await consumer.subscribe({ topics: [settings.topic], fromBeginning: true });
    const connections = new BrokerConnections(await readCredentials(settings));
    const metadata = new TopicMetadata({ settings, connections, onChange: () => {} });
    const questions = { metadata, connections };
    const reader = new KafkaLogReader(options, { client, consumer, admin, questions });
    onLog = (entry) => reader.heard(entry);
    reader.start();
    return reader;
  } catch (error) {
    client?.cut();
    admin.close();
    throw explainKafkaError(error, settings);
  }
}

interface ReaderParts {
  readonly client: KafkaClient;
  readonly consumer: Consumer;
  readonly admin: AdminSession;
  readonly questions: Questions;
}

/** Metadata and connections for requests that kafkajs does not support. Connections are opened on first use. */
interface Questions {
  readonly metadata: TopicMetadata;
  readonly connections: BrokerConnections;
}

/** Handles group membership, generations and offset ranges. The class Deliveries decides what is delivered. */
class KafkaLogReader implements LogReader {
  readonly #options: LogReaderOptions;
  readonly #topic: string;
  readonly #logger: Logger;
  readonly #client: KafkaClient;
  readonly #consumer: Consumer;
  readonly #admin: AdminSession;
  readonly #questions: Questions;
  readonly #commits: VouchedCommits;
  readonly #deliveries: Deliveries;
  readonly #now: () => number;
  #assignment: LogAssignment | undefined;
  #endAssignment = (): void => {};
  #generation = 0;
  #lastSign: number;
  readonly #sharedOffsets = shareWhileOpen(() => this.offsets());
  #idleTimer: NodeJS.Timeout | undefined;
  #isChecking = false;
  #isOver = false;

  constructor(options: LogReaderOptions, { client, consumer, admin, questions }: ReaderParts) {
    const { settings, logger, handlers } = options;
    this.#options = options;
    this.#topic = settings.topic;
    this.#logger = logger;
    this.#client = client;
    this.#consumer = consumer;
    this.#admin = admin;
    this.#questions = questions;
    this.#commits = new VouchedCommits(consumer, settings.topic);
    this.#deliveries = new Deliveries({
      consumer,
      topic: settings.topic,
      logger,
      random: options.random ?? Math.random,
      recordsMax: options.recordsMax ?? batchRecordsMax,
      heartbeatMs,
      onBatch: (batch) => handlers.onBatch(batch),
      onStopped: (partition, error) => handlers.onPartitionStopped(partition, error),
      onWaits: (partition, why) => handlers.onPartitionWaits(partition, why),
      onFatal: (error) => this.#fail(error),
      askRange: (partition, wanted) => this.#askRange(partition, wanted),
      probe: (partition, offset) => this.#probe(partition, offset),
    });
    this.#now = options.now ?? (() => performance.now());
    this.#lastSign = this.#now();
  }

  start(): void {
    const consumer = this.#consumer;
    const sign = () => {
      this.#lastSign = this.#now();
    };
    consumer.on(consumer.events.FETCH, sign);
    consumer.on(consumer.events.HEARTBEAT, sign);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      sign();
      this.#joined(payload.memberAssignment[this.#topic] ?? []);
    });
    consumer.on(consumer.events.REBALANCING, () => this.#endGeneration());
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#fail(payload.error));
    consumer
      .run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: this.#options.concurrentPartitions ?? 4,
        eachBatch: (payload) => this.#deliveries.deliver(payload),
      })
      .catch((error: unknown) => this.#fail(error));
    // Pause without an await after `run`, before the first join: then every partition that is assigned later is paused.
    this.#deliveries.applyPauses();
    this.#idleTimer = setInterval(() => this.#checkIdle(), this.#options.idleCheckMs ?? 10_000);
  }

  /** Call it for each log line of kafkajs. Only a log line says that kafkajs lost its offset and jumps to the start. */
  heard(entry: LogEntry): void {
    if (!entry.log.message.startsWith('Offset out of range')) return;
    const partition: unknown = entry.log['partition'];
    if (typeof partition === 'number') this.#deliveries.lostPlace(partition);
  }

  offsets(): Promise<ReadonlyMap<number, LogRange>> {
    return readOffsets(this.#admin, this.#topic, this.#logger);
  }

  async close(withinMs = 5_000): Promise<void> {
    this.#end();
    try {
      await withDeadline('leaving the consumer group', withinMs, this.#consumer.disconnect());
    } catch (error) {
      this.#logger.info({ error }, 'left the consumer group; the coordinator did not confirm it in time');
    }
    this.#client.cut();
    this.#admin.close();
    this.#questions.connections.close();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#options.handlers.onFatal(explainKafkaError(error, this.#options.settings));
  }

  #end(): void {
    this.#isOver = true;
    this.#endGeneration();
    clearInterval(this.#idleTimer);
  }

  #endGeneration(): void {
    this.#assignment = undefined;
    this.#endAssignment();
    this.#deliveries.endAll();
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
      readFrom: (partition, offset, isSame) => this.#readFrom({ assignment, partition, offset, isSame }),
      stop: (partition) => {
        if (this.#assignment === assignment) this.#deliveries.end(partition);
      },
      commitForDashboards: (nextOffsets) => this.#commit(assignment, nextOffsets),
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
    const reading = this.#deliveries.any();
    if (reading !== undefined) return this.#commit(assignment, new Map([[reading.partition, reading.next]]));
    const [partition] = assignment.partitions;
    if (partition === undefined) throw new NotMemberError('no partition is assigned, so membership cannot be proven');
    return this.#commit(assignment, new Map([[partition, await this.#committedOffset(partition)]]));
  }

  /**
   * Returns the committed offset of the partition. A proof commits this offset again, so that dashboards do not change.
   */
  async #committedOffset(partition: number): Promise<bigint> {
    const { group } = this.#options.settings;
    const found = await this.#admin
      .use('reading the committed offsets', (admin) => admin.fetchOffsets({ groupId: group, topics: [this.#topic] }))
      .catch((error: unknown) => {
        throw new NotMemberError('the group coordinator does not respond', { cause: error });
      });
    const entry = found[0]?.partitions.find((candidate) => candidate.partition === partition);
    // The offset is negative if no offset was committed yet.
    const offset = BigInt(entry?.offset ?? -1);
    return offset < 0n ? 0n : offset;
  }

  async #commit(assignment: LogAssignment, nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    for (const partition of nextOffsets.keys()) this.#requireCurrent(assignment, partition);
    try {
      await this.#commits.commit(nextOffsets);
    } catch (error) {
      const why = explainKafkaError(error instanceof NotMemberError ? error.cause : error, this.#options.settings);
      // Report a missing right instead of retrying: without it this member can never prove its membership.
      if (why instanceof LogUnavailableError && why.reason === 'NotAuthorized') this.#fail(why);
      throw error;
    }
    // kafkajs commits with its current generation. If the assignment is older, the commit proves nothing about it.
    this.#requireCurrent(assignment);
  }

  async #readFrom(place: Omit<ReadingPlace, 'earliest'>): Promise<void> {
    const { assignment, partition, offset } = place;
    this.#requireCurrent(assignment, partition);
    this.#deliveries.end(partition);
    const { problem, earliest } = await this.#askRange(partition, offset);
    this.#requireCurrent(assignment, partition);
    if (problem !== undefined) throw problem;
    this.#deliveries.begin({ ...place, earliest });
  }

  async #probe(partition: number, offset: bigint): Promise<LogRecord | 'open' | undefined> {
    const found = await probeOffset({ topic: this.#topic, ...this.#questions }, partition, offset);
    if (found === undefined || found === 'open') return found;
    const { reason: unreadable, appendedAt, leaderEpoch } = found;
    return { offset, key: null, value: null, schema: undefined, unreadable, appendedAt, leaderEpoch };
  }

  /**
   * Reads the range. If there is a problem, reads again on a new connection: the first data may be of an old leader.
   */
  async #askRange(partition: number, wanted: bigint): Promise<RangeAnswer> {
    const toAnswer = (ranges: ReadonlyMap<number, LogRange>): RangeAnswer => ({
      problem: rangeProblem(partition, wanted, ranges),
      earliest: ranges.get(partition)?.earliest ?? 0n,
    });
    const first = toAnswer(await this.#sharedOffsets());
    if (first.problem === undefined) return first;
    this.#admin.forget();
    return toAnswer(await this.offsets());
  }

  #checkIdle(): void {
    const silenceMs = this.#now() - this.#lastSign;
    if (silenceMs > silenceMaxMs) {
      this.#fail(new LogError(`the Kafka client has shown no activity for ${Math.round(silenceMs)} ms`));
      return;
    }
    const idle = this.#deliveries.idle();
    if (idle.length === 0 || this.#isChecking) return;
    this.#isChecking = true;
    this.offsets()
      .then((ranges) => this.#deliveries.compare(idle, ranges))
      .catch((error: unknown) => this.#logger.debug({ error }, 'cannot read the offset range of the log'))
      .finally(() => {
        this.#isChecking = false;
      });
  }
}
