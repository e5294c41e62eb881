import type { Producer, RecordMetadata } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { backoffMs, DeadlineError, pause, withDeadline } from '#platform/time.ts';
import { AdminSession } from './admin.ts';
import { explainKafkaError, isTerminal, needsNewClient } from './errors.ts';
import { createKafkaClient, type KafkaClient } from './kafka.ts';
import { Partitioning } from './partitioning.ts';
import {
  AppendError,
  type AppendedBatch,
  type AppendOptions,
  type LogError,
  type LogRecordInput,
  LogUnavailableError,
  type LogWriter,
} from './port.ts';
import type { KafkaSettings } from './settings.ts';
import { Slots } from './slots.ts';

export interface LogWriterOptions {
  readonly settings: KafkaSettings;
  readonly logger: Logger;
  /** This writer cannot write any more (secrets refused, certificate changed): open a new one. Called at most once. */
  readonly onFatal: (error: LogError) => void;
  /** Most produce calls in flight, abandoned ones included. Default 64: 64 batches of 1 MB bound the memory. */
  readonly inFlightMax?: number;
  /** How often the partition count is asked for, in milliseconds. Default 60 s. */
  readonly partitionsEveryMs?: number;
  /** Milliseconds since the Unix epoch. Default Date.now. */
  readonly now?: () => number;
  /** In [0, 1); jitter of retries. Default Math.random. */
  readonly random?: () => number;
}

/**
 * How long the broker may wait for its replicas before it answers REQUEST_TIMED_OUT. Above a replica's dismissal from
 * the in-sync set in practice, below the client's own request timeout.
 */
const replicationTimeoutMs = 15_000;
const retryBackoffMs = { minimumMs: 50, maximumMs: 1_000 };

/** Connects and learns the partition count. Throws LogError when Kafka cannot be reached, refuses us, or lacks the topic. */
export async function openLogWriter(options: LogWriterOptions): Promise<LogWriter> {
  const { settings, logger } = options;
  let client: KafkaClient | undefined;
  const admin = new AdminSession({ settings, logger });
  try {
    client = await createKafkaClient({ settings, logger });
    const producer = client.kafka.producer({
      // Never: kafkajs' idempotent producer loses acknowledged records when a response is lost (27 of 201, measured).
      idempotent: false,
      allowAutoTopicCreation: false,
      createPartitioner: () => explicitPartition,
      // One attempt per call: tries are counted against the caller's deadline, here and not inside kafkajs.
      retry: { retries: 0 },
    });
    await producer.connect();
    const partitionCount = await countPartitions(admin, settings.topic);
    return new KafkaLogWriter(options, { client, producer, admin, partitionCount });
  } catch (error) {
    client?.cut();
    admin.close();
    throw explainKafkaError(error, settings);
  }
}

async function countPartitions(admin: AdminSession, topic: string): Promise<number> {
  const { topics } = await admin.use('counting the partitions', (open) => open.fetchTopicMetadata({ topics: [topic] }));
  const count = topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
  if (count === 0) throw new LogUnavailableError('TopicMissing', `topic ${topic} does not exist`);
  return count;
}

/** kafkajs asks its partitioner even for messages that say their partition. */
function explicitPartition({ message }: { message: { partition?: number } }): number {
  if (message.partition === undefined) throw new Error('every record of ours says its partition');
  return message.partition;
}

interface WriterParts {
  readonly client: KafkaClient;
  readonly producer: Producer;
  readonly admin: AdminSession;
  readonly partitionCount: number;
}

class KafkaLogWriter implements LogWriter {
  readonly #options: LogWriterOptions;
  readonly #parts: WriterParts;
  readonly #slots: Slots;
  readonly #now: () => number;
  #partitioning: Partitioning;
  #counting: Promise<void> | undefined;
  #timer: NodeJS.Timeout;
  #isOver = false;

  constructor(options: LogWriterOptions, parts: WriterParts) {
    this.#options = options;
    this.#parts = parts;
    this.#slots = new Slots(options.inFlightMax ?? 64);
    this.#now = options.now ?? Date.now;
    this.#partitioning = new Partitioning(parts.partitionCount);
    this.#timer = setInterval(() => this.#recount(), options.partitionsEveryMs ?? 60_000);
  }

  get partitionCount(): number {
    return this.#partitioning.count;
  }

  partitionFor(key: Uint8Array): number {
    return this.#partitioning.partitionFor(key);
  }

  async append(
    partition: number,
    records: readonly LogRecordInput[],
    { deadline }: AppendOptions,
  ): Promise<AppendedBatch> {
    const random = this.#options.random ?? Math.random;
    let failure: unknown;
    for (let attempt = 0; !this.#isOver; attempt++) {
      const leftMs = deadline - this.#now();
      if (leftMs <= 0) break;
      try {
        return await withDeadline('the append', leftMs, this.#attempt(partition, records, deadline));
      } catch (error) {
        failure = error instanceof DeadlineError ? (failure ?? error) : error;
        const explained = explainKafkaError(error, this.#options.settings);
        if (needsNewClient(explained)) this.#fail(explained);
        if (isTerminal(error) || error instanceof DeadlineError) break;
        this.#recount();
        this.#options.logger.debug({ error, partition, attempt }, 'an append failed');
      }
      const waitMs = backoffMs(attempt, { ...retryBackoffMs, random });
      await pause(Math.min(waitMs, Math.max(0, deadline - this.#now())));
    }
    const reason = failure === undefined ? 'the writer is closed or the deadline is over' : this.#explain(failure);
    throw new AppendError(`partition ${partition} did not acknowledge: ${reason}`, { cause: failure });
  }

  #explain(failure: unknown): string {
    if (failure instanceof DeadlineError) return 'no answer before the deadline';
    return explainKafkaError(failure, this.#options.settings).message;
  }

  /** One produce call. Its slot is kept until kafkajs lets go of it, also when nobody waits for it any more. */
  async #attempt(partition: number, records: readonly LogRecordInput[], deadline: number): Promise<AppendedBatch> {
    const { topic } = this.#options.settings;
    const release = await this.#slots.take();
    try {
      if (this.#isOver || this.#now() >= deadline) {
        throw new LogUnavailableError(
          'Unreachable',
          'the writer closed or the deadline passed before anything was sent',
        );
      }
      const answers = await this.#parts.producer.send({
        topic,
        acks: -1,
        timeout: replicationTimeoutMs,
        messages: records.map(({ key, value, headers }) => ({
          key: Buffer.from(key),
          value: Buffer.from(value),
          headers: { ...headers },
          partition,
        })),
      });
      return acknowledged(answers, topic, partition);
    } finally {
      release();
    }
  }

  #fail(error: LogError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#options.onFatal(error);
  }

  #recount(): void {
    this.#counting ??= countPartitions(this.#parts.admin, this.#options.settings.topic)
      .then(
        (count) => {
          if (count === this.partitionCount) return;
          this.#options.logger.info({ from: this.partitionCount, to: count }, 'the partition count changed');
          this.#partitioning = new Partitioning(count);
        },
        (error: unknown) => this.#options.logger.debug({ error }, 'the partitions cannot be counted now'),
      )
      .finally(() => {
        this.#counting = undefined;
      });
  }

  async close(withinMs = 5_000): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#timer);
    const { producer, client, admin } = this.#parts;
    try {
      // Idle first: a disconnect makes kafkajs refuse the retries of requests in flight, not wait for them.
      await withDeadline('the appends in flight', withinMs, this.#slots.idle());
      await withDeadline('disconnecting the producer', withinMs, producer.disconnect());
    } catch (error) {
      this.#options.logger.info({ error }, 'cut the connections to Kafka');
    }
    client.cut();
    admin.close();
  }
}

/**
 * The acknowledgement of our own partition, or an error. kafkajs resolves with an empty list, having written nothing,
 * when it has no metadata of the partition, and with other brokers' answers when it lost one between its retries.
 */
export function acknowledged(answers: readonly RecordMetadata[], topic: string, partition: number): AppendedBatch {
  const own = answers.filter((answer) => answer.topicName === topic && answer.partition === partition);
  const [answer] = own;
  if (answer === undefined || own.length !== 1 || answers.length !== 1) {
    throw new AppendError(`the client resolved without the one acknowledgement of partition ${partition}`);
  }
  if (answer.errorCode !== 0) throw new AppendError(`partition ${partition} answered error ${answer.errorCode}`);
  const baseOffset = /^\d+$/.test(answer.baseOffset ?? '') ? BigInt(answer.baseOffset ?? '') : undefined;
  if (baseOffset === undefined) throw new AppendError(`partition ${partition} acknowledged without an offset`);
  const appendedAt = Number(answer.logAppendTime ?? -1);
  return { partition, baseOffset, appendedAt: appendedAt >= 0 ? appendedAt : undefined };
}
