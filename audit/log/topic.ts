import { listOffsetsV6, metadataV10, ResponseError } from '@platformatic/kafka';
import { Brokers, type KafkaAccess } from './brokers.ts';
import { type Fetched, fetchRaw } from './fetch.ts';

/** The current state of the topic in Kafka. */
export interface TopicFacts {
  readonly clusterId: string;
  readonly topicId: string;
  readonly partitions: readonly number[];
}

/** A response of Kafka has this error code. */
export class KafkaAnswerError extends Error {
  override name = 'KafkaAnswerError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The error codes of Kafka that the auditor handles. */
export const kafkaErrors = { offsetOutOfRange: 1, unknownTopic: 3, notLeader: 6, notAuthorized: 29 } as const;

/** Special timestamps of ListOffsets: the first offset, and the last offset plus one. */
const [earliest, latest] = [-2n, -1n];
/** Fields of requests: the client is no replica, accepts any leader epoch, and reads uncommitted records too. */
const notAReplica = -1;
const anyEpoch = -1;
const readUncommitted = 0;
/** Isolation level: the broker lists aborted transactions, and delivers no records of open transactions. */
const readCommitted = 1;
/** Fields of a request that is not part of a fetch session. */
const [noSession, finalEpoch] = [0, -1];
/** A fetch without records ends after this time, in milliseconds. */
const fetchWaitMs = 500;
/** Maximum size of a response, in bytes. Kafka delivers the first batch completely, even if it is larger. */
const fetchBytesMax = 1024 * 1024;

/**
 * Reads the topic with Metadata, ListOffsets and Fetch requests to the leaders of its partitions. It uses no consumer
 * group, so READ on the topic is the only permission that it needs.
 */
export class Topic {
  readonly #access: KafkaAccess;
  readonly #brokers: Brokers;
  #leaders = new Map<number, string>();

  constructor(access: KafkaAccess) {
    this.#access = access;
    this.#brokers = new Brokers(access);
  }

  /** Reads the facts of the topic. Asks the bootstrap servers one after the other until one responds. */
  async readFacts(): Promise<TopicFacts> {
    const errors: unknown[] = [];
    for (const address of this.#access.bootstrapServers) {
      try {
        return await this.#askFacts(address);
      } catch (error) {
        if (error instanceof KafkaAnswerError) throw error;
        this.#brokers.forget(address);
        errors.push(error);
      }
    }
    throw new AggregateError(errors, `no broker of ${this.#access.bootstrapServers.join(',')} responds`, {
      cause: errors[0],
    });
  }

  async #askFacts(address: string): Promise<TopicFacts> {
    const { topic: name } = this.#access;
    const connection = await this.#brokers.connect(address);
    const { brokers, topics, clusterId } = await evenWithErrors(
      metadataV10.api.async(connection, [name], false, false),
    );
    const [topic] = topics;
    if (topic === undefined) throw new Error(`the response of Kafka lacks topic ${name}`);
    if (topic.errorCode === kafkaErrors.notAuthorized) throw notAuthorized(name);
    if (topic.errorCode !== 0) throw new KafkaAnswerError(topic.errorCode, explainCode(topic.errorCode, name));
    const addresses = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    this.#leaders = new Map(
      topic.partitions.flatMap(({ partitionIndex, leaderId }) => {
        const leader = addresses.get(leaderId);
        return leader === undefined ? [] : [[partitionIndex, leader] as const];
      }),
    );
    const partitions = topic.partitions.map(({ partitionIndex }) => partitionIndex).sort((one, other) => one - other);
    return { clusterId: clusterId ?? '', topicId: topic.topicId, partitions };
  }

  /** Returns the first offset in the log, and as `end` the last offset plus one. */
  async readRange(partition: number): Promise<{ start: bigint; end: bigint }> {
    return { start: await this.#listOffset(partition, earliest), end: await this.#listOffset(partition, latest) };
  }

  async #listOffset(partition: number, timestamp: bigint): Promise<bigint> {
    const { topic } = this.#access;
    const wanted = [{ partitionIndex: partition, currentLeaderEpoch: anyEpoch, timestamp }];
    const answer = await this.#askLeader(partition, (connection) =>
      evenWithErrors(
        listOffsetsV6.api.async(connection, notAReplica, readUncommitted, [{ name: topic, partitions: wanted }]),
      ),
    );
    const found = answer.topics[0]?.partitions[0];
    if (found === undefined) throw new Error(`the response of Kafka lacks partition ${partition}`);
    if (found.errorCode === kafkaErrors.notAuthorized) throw notAuthorized(topic);
    if (found.errorCode !== 0) throw new KafkaAnswerError(found.errorCode, explainCode(found.errorCode, topic));
    return found.offset;
  }

  /** Fetches the log from `offset` on. */
  async fetch(partition: number, offset: bigint): Promise<Fetched> {
    const { topic } = this.#access;
    const place = { partition, currentLeaderEpoch: anyEpoch, fetchOffset: offset, lastFetchedEpoch: anyEpoch };
    const wanted = [{ topicId: topic, partitions: [{ ...place, partitionMaxBytes: fetchBytesMax }] }];
    const [found] = await this.#askLeader(partition, (connection) =>
      fetchRaw.async(connection, fetchWaitMs, 1, fetchBytesMax, readCommitted, noSession, finalEpoch, wanted, [], ''),
    );
    if (found === undefined) throw new Error(`the response of Kafka lacks partition ${partition}`);
    if (found.errorCode === kafkaErrors.notAuthorized) throw notAuthorized(topic);
    if (found.errorCode !== 0 && found.errorCode !== kafkaErrors.offsetOutOfRange) {
      throw new KafkaAnswerError(found.errorCode, explainCode(found.errorCode, topic));
    }
    return found;
  }

  close(): void {
    this.#brokers.close();
  }

  async #askLeader<Answer>(
    partition: number,
    ask: (connection: Awaited<ReturnType<Brokers['connect']>>) => Promise<Answer>,
  ): Promise<Answer> {
    const leader = this.#leaders.get(partition);
    if (leader === undefined) throw new KafkaAnswerError(kafkaErrors.notLeader, `partition ${partition} has no leader`);
    try {
      return await ask(await this.#brokers.connect(leader));
    } catch (error) {
      this.#brokers.forget(leader);
      throw error;
    }
  }
}

function notAuthorized(topic: string): KafkaAnswerError {
  return new KafkaAnswerError(kafkaErrors.notAuthorized, `Kafka refuses to read: grant READ on topic ${topic}`);
}

function explainCode(code: number, topic: string): string {
  if (code === kafkaErrors.unknownTopic) return `topic ${topic} does not exist in Kafka`;
  return `Kafka returned error ${code} for topic ${topic}`;
}

/**
 * Returns the response even if one part has an error. The client library throws an error for the whole response, but
 * the callers here check each part.
 */
async function evenWithErrors<Answer extends object>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    // `response` is the response that the client library parsed.
    if (error instanceof ResponseError && isObject<Answer>(error['response'])) return error['response'];
    throw error;
  }
}

function isObject<Answer extends object>(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null;
}
