import type { Admin } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError, isTerminal, needsNewClient } from './errors.ts';
import { createKafkaClient, type KafkaClient } from './kafka.ts';
import { LogError, type LogRange, LogUnavailableError } from './port.ts';
import { readCredentials } from './produce/broker.ts';
import { BrokerConnections } from './produce/connections.ts';
import { readLogEnds } from './produce/logEnds.ts';
import { TopicMetadata } from './produce/metadata.ts';
import type { KafkaSettings } from './settings.ts';

/** Maximum duration of one administrative call, including reconnecting. */
const callTimeoutMs = 20_000;

/** kafkajs' admin client, and connections for the requests that kafkajs' admin client does not support. */
interface Open {
  readonly client: KafkaClient;
  readonly admin: Admin;
  /** Connections to brokers. Each is opened on first use. */
  readonly connections: BrokerConnections;
  readonly metadata: TopicMetadata;
}

/**
 * A connection for administration. It is opened when needed. After any error a new connection replaces it, because
 * kafkajs' admin client never refreshes its metadata about leaders and partitions (its metadata age is NaN).
 */
export class AdminSession {
  readonly #settings: KafkaSettings;
  readonly #logger: Logger;
  #open: Promise<Open> | undefined;
  #isClosed = false;

  constructor(options: { settings: KafkaSettings; logger: Logger }) {
    this.#settings = options.settings;
    this.#logger = options.logger;
  }

  /** Runs `work`. If it fails, runs it once more on a new connection. Throws LogError. */
  async use<T>(what: string, work: (admin: Admin, open: Open) => Promise<T>): Promise<T> {
    try {
      return await this.#attempt(what, work);
    } catch (error) {
      const explained = explainKafkaError(error, this.#settings);
      if (this.#isClosed || isTerminal(error) || needsNewClient(explained) || error instanceof LogError)
        throw explained;
      this.#logger.debug({ error, what }, 'an administrative call failed; retrying on a new connection');
    }
    try {
      return await this.#attempt(what, work);
    } catch (error) {
      throw explainKafkaError(error, this.#settings);
    }
  }

  async #attempt<T>(what: string, work: (admin: Admin, open: Open) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new LogUnavailableError('Unreachable', 'the connection to Kafka is closed');
    this.#open ??= this.#connect();
    const open = this.#open;
    try {
      return await withDeadline(
        what,
        callTimeoutMs,
        open.then((opened) => work(opened.admin, opened)),
      );
    } catch (error) {
      if (this.#open === open) this.#open = undefined;
      cutWhenOpen(open, this.#logger);
      throw error;
    }
  }

  async #connect(): Promise<Open> {
    const settings = this.#settings;
    const client = await createKafkaClient({ settings, logger: this.#logger });
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      const connections = new BrokerConnections(await readCredentials(settings));
      return { client, admin, connections, metadata: new TopicMetadata({ settings, connections, onChange: () => {} }) };
    } catch (error) {
      client.cut();
      throw error;
    }
  }

  /** Drops the connection because its metadata is outdated. The next call opens a new connection. */
  forget(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) cutWhenOpen(open, this.#logger);
  }

  close(): void {
    this.#isClosed = true;
    this.forget();
  }
}

function cutWhenOpen(open: Promise<Open>, logger: Logger): void {
  open.then(
    ({ client, connections }) => {
      client.cut();
      connections.close();
    },
    (error: unknown) => logger.debug({ error }, 'the connection to close was never opened'),
  );
}

/**
 * Returns the first and end offset of every partition that Kafka lists now. Throws LogError.
 *
 * The list of partitions is read each time: kafkajs' cached list would hide partitions that were added. The ends are
 * read from the leaders, because kafkajs would return the last stable offset: with an open transaction, it is too low.
 */
export async function readOffsets(
  session: AdminSession,
  topic: string,
  logger: Logger,
): Promise<ReadonlyMap<number, LogRange>> {
  const attempt = () =>
    session.use('reading the offsets of the log', async (admin, { connections, metadata }) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const listed = topics.find(({ name }) => name === topic)?.partitions ?? [];
      const rows = await admin.fetchTopicOffsets(topic);
      if (metadata.partitionCount < listed.length) await metadata.refresh();
      const ends = await readLogEnds({
        topic,
        metadata,
        connections,
        onFailure(error) {
          logger.debug({ error }, 'a partition leader did not return the end of the log');
          // Another broker may be the leader now.
          metadata.refresh().catch(() => {});
        },
      });
      const ranges = new Map(
        rows.map(({ partition, low, high }) => {
          const [committed, end = 0n] = [BigInt(high), ends.get(partition)];
          return [partition, { earliest: BigInt(low), end: end > committed ? end : committed }];
        }),
      );
      const isComplete = ranges.size === listed.length && listed.every(({ partitionId }) => ranges.has(partitionId));
      return isComplete ? ranges : undefined;
    });
  const first = await attempt();
  if (first !== undefined) return first;
  session.forget();
  const second = await attempt();
  if (second !== undefined) return second;
  throw new LogUnavailableError(
    'Unreachable',
    `Kafka's metadata and offsets list different partitions of topic ${topic}; retry`,
  );
}
