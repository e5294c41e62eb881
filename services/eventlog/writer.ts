import type { Logger } from '#platform/log.ts';
import { DeadlineError, withDeadline } from '#platform/time.ts';
import { explainKafkaError, isTooLarge, needsNewClient, wasNotWritten } from './errors.ts';
import {
  AppendError,
  type AppendedBatch,
  type AppendOptions,
  type LogError,
  type LogRecordInput,
  LogUnavailableError,
  type LogWriter,
} from './port.ts';
import { appendOnce } from './produce/appendOnce.ts';
import { readCredentials } from './produce/broker.ts';
import { BrokerConnections } from './produce/connections.ts';
import { readLogEnds } from './produce/logEnds.ts';
import { type Leader, TopicMetadata } from './produce/metadata.ts';
import type { KafkaSettings } from './settings.ts';
import { Slots } from './slots.ts';

export interface LogWriterOptions {
  readonly settings: KafkaSettings;
  readonly logger: Logger;
  /**
   * Called at most once, when this writer can no longer write (secrets refused, certificate changed). Close it and open
   * a new writer.
   */
  readonly onFatal: (error: LogError) => void;
  /**
   * Maximum number of produce requests in flight, even if no caller waits for them. Default 64: up to 64 MB of data.
   */
  readonly inFlightMax?: number;
  /** How often leaders and partitions are read while no append is late, in milliseconds. Default 5 s. */
  readonly metadataEveryMs?: number;
  /** Returns milliseconds since the Unix epoch. Default Date.now. */
  readonly now?: () => number;
}

/** If an append waits longer than this, its leader may be hung. Then the leaders are read every second. */
const suspectAfterMs = 1_000;

/**
 * Connects and reads the partitions. Throws LogError if Kafka does not respond, refuses the client, or lacks the topic.
 */
export async function openLogWriter(options: LogWriterOptions): Promise<LogWriter> {
  const { settings } = options;
  let writer: KafkaLogWriter | undefined;
  try {
    const credentials = await readCredentials(settings);
    writer = new KafkaLogWriter(options, {
      appends: new BrokerConnections(credentials),
      questions: new BrokerConnections(credentials),
    });
    await writer.open();
    return writer;
  } catch (error) {
    await writer?.close(0);
    throw explainKafkaError(error, settings);
  }
}

interface Connections {
  readonly appends: BrokerConnections;
  readonly questions: BrokerConnections;
}

/** An append that a caller waits for. */
interface Waiting {
  readonly partition: number;
  readonly leader: Leader;
  readonly since: number;
  readonly giveUp: (error: Error) => void;
}

class KafkaLogWriter implements LogWriter {
  readonly #options: LogWriterOptions;
  readonly #connections: Connections;
  readonly #metadata: TopicMetadata;
  readonly #slots: Slots;
  readonly #now: () => number;
  readonly #waiting = new Set<Waiting>();
  readonly #timer: NodeJS.Timeout;
  #askedAt = 0;
  #isOver = false;

  constructor(options: LogWriterOptions, connections: Connections) {
    this.#options = options;
    this.#connections = connections;
    this.#slots = new Slots(options.inFlightMax ?? 64);
    this.#now = options.now ?? Date.now;
    this.#metadata = new TopicMetadata({
      settings: options.settings,
      connections: connections.questions,
      onChange: () => this.#leadersChanged(),
    });
    this.#timer = setInterval(() => this.#lookAround(), Math.min(options.metadataEveryMs ?? 5_000, suspectAfterMs));
  }

  get partitionCount(): number {
    return this.#metadata.partitionCount;
  }

  get topicId(): string | undefined {
    return this.#metadata.topicId;
  }

  async confirmTopic(): Promise<string> {
    await this.#ask();
    const { topicId } = this.#metadata;
    if (topicId === undefined) throw new LogUnavailableError('Unreachable', 'Kafka did not return the topic id');
    return topicId;
  }

  leaderOf(partition: number): number | undefined {
    const leader = this.#metadata.leaderOf(partition);
    return leader?.address === undefined ? undefined : leader.node;
  }

  async open(): Promise<void> {
    await this.#ask();
    const { topic } = this.#options.settings;
    if (this.partitionCount === 0) throw new LogUnavailableError('TopicMissing', `topic ${topic} has no partition`);
  }

  async append(
    partition: number,
    records: readonly LogRecordInput[],
    { deadline }: AppendOptions,
  ): Promise<AppendedBatch> {
    try {
      const leader = this.#metadata.leaderOf(partition);
      if (this.#isOver) throw new LogUnavailableError('Unreachable', 'the writer is closed');
      if (leader === undefined)
        throw new LogUnavailableError('TopicMissing', `partition ${partition} does not exist yet`);
      return await this.#untilOver({ partition, leader, deadline }, this.#send(partition, records, leader, deadline));
    } catch (error) {
      throw this.#failed(error, partition);
    }
  }

  /** Sends the request. Holds its slot until the request ends, even if no caller waits any more. */
  async #send(
    partition: number,
    records: readonly LogRecordInput[],
    leader: Leader,
    deadline: number,
  ): Promise<AppendedBatch> {
    const release = await this.#slots.take();
    try {
      const now = this.#now();
      if (this.#isOver || now >= deadline) {
        throw new LogUnavailableError('Unreachable', 'the deadline passed before anything was sent');
      }
      const { settings } = this.#options;
      return await appendOnce({ settings, partition, leader, records, connections: this.#connections.appends, now });
    } finally {
      release();
    }
  }

  /** Waits for the response, until another broker becomes the leader, or until the deadline, whichever is first. */
  async #untilOver(
    { partition, leader, deadline }: { partition: number; leader: Leader; deadline: number },
    sent: Promise<AppendedBatch>,
  ): Promise<AppendedBatch> {
    const since = this.#now();
    const given = Promise.withResolvers<AppendedBatch>();
    const waiting: Waiting = { partition, leader, since, giveUp: given.reject };
    this.#waiting.add(waiting);
    sent.then(given.resolve, given.reject);
    try {
      return await withDeadline('the append', Math.max(0, deadline - since), given.promise);
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  #failed(error: unknown, partition: number): AppendError {
    const { settings, logger } = this.#options;
    const explained = explainKafkaError(error, settings);
    logger.debug({ error, partition }, 'an append failed');
    if (needsNewClient(explained)) this.#fail(explained);
    if (!this.#isOver && !(error instanceof DeadlineError)) this.#askInBackground();
    const reason = error instanceof DeadlineError ? 'no response before the deadline' : explained.message;
    const outcome = isTooLarge(error) ? 'tooLarge' : wasNotWritten(error) ? 'notWritten' : 'unknown';
    return new AppendError(`partition ${partition} did not acknowledge: ${reason}`, { cause: error, outcome });
  }

  #fail(error: LogError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#options.onFatal(error);
  }

  /** Reads the leaders if the metadata is old, or if an append waits longer than `suspectAfterMs`. */
  #lookAround(): void {
    const now = this.#now();
    const isSuspect = [...this.#waiting].some(({ since }) => now - since >= suspectAfterMs);
    if (isSuspect || now - this.#askedAt >= (this.#options.metadataEveryMs ?? 5_000)) this.#askInBackground();
  }

  #ask(): Promise<void> {
    this.#askedAt = this.#now();
    return this.#metadata.refresh();
  }

  #askInBackground(): void {
    this.#ask().catch((error: unknown) =>
      this.#options.logger.debug({ error }, 'cannot read the partition leaders from Kafka now'),
    );
  }

  #leadersChanged(): void {
    const { logger } = this.#options;
    logger.debug({ partitions: this.partitionCount, topicId: this.topicId }, 'leaders or partitions changed');
    for (const { partition, leader, giveUp } of this.#waiting) {
      const now = this.#metadata.leaderOf(partition);
      if (now?.node === leader.node) continue;
      giveUp(new AppendError(`partition ${partition} is led by another broker now`));
    }
  }

  logEnds(): Promise<ReadonlyMap<number, bigint>> {
    const { settings, logger } = this.#options;
    return readLogEnds({
      topic: settings.topic,
      metadata: this.#metadata,
      connections: this.#connections.questions,
      onFailure: (error) => logger.debug({ error }, 'a partition leader did not return the end of the log'),
    });
  }

  async close(withinMs = 5_000): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    try {
      if (withinMs > 0) await withDeadline('the appends in flight', withinMs, this.#slots.idle());
    } catch (error) {
      this.#options.logger.info({ error }, 'closed the connections to Kafka with appends in flight');
    }
    this.#connections.appends.close();
    this.#connections.questions.close();
  }
}
