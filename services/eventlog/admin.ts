import type { Admin } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError, isTerminal, needsNewClient } from './errors.ts';
import { createKafkaClient, type KafkaClient } from './kafka.ts';
import { LogError, type LogRange, LogUnavailableError } from './port.ts';
import type { KafkaSettings } from './settings.ts';

/** Longest wait for one administrative call, reconnecting included. */
const callTimeoutMs = 20_000;

/**
 * A connection for administration that is made when needed and made anew after any error. kafkajs' admin never
 * refreshes what it learnt about leaders and partitions (its metadata age is NaN), so an old one can only be replaced.
 */
export class AdminSession {
  readonly #settings: KafkaSettings;
  readonly #logger: Logger;
  #open: Promise<{ client: KafkaClient; admin: Admin }> | undefined;
  #isClosed = false;

  constructor(options: { settings: KafkaSettings; logger: Logger }) {
    this.#settings = options.settings;
    this.#logger = options.logger;
  }

  /** Runs `work`, a second time on a fresh connection when the first failed. Throws LogError. */
  async use<T>(what: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await this.#attempt(what, work);
    } catch (error) {
      const explained = explainKafkaError(error, this.#settings);
      if (this.#isClosed || isTerminal(error) || needsNewClient(explained) || error instanceof LogError)
        throw explained;
      this.#logger.debug({ error, what }, 'an administrative call failed: again on a fresh connection');
    }
    try {
      return await this.#attempt(what, work);
    } catch (error) {
      throw explainKafkaError(error, this.#settings);
    }
  }

  async #attempt<T>(what: string, work: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new LogUnavailableError('Unreachable', 'the connection to Kafka is closed');
    this.#open ??= this.#connect();
    const open = this.#open;
    try {
      return await withDeadline(
        what,
        callTimeoutMs,
        open.then(({ admin }) => work(admin)),
      );
    } catch (error) {
      if (this.#open === open) this.#open = undefined;
      cutWhenOpen(open, this.#logger);
      throw error;
    }
  }

  async #connect(): Promise<{ client: KafkaClient; admin: Admin }> {
    const client = await createKafkaClient({ settings: this.#settings, logger: this.#logger });
    const admin = client.kafka.admin();
    try {
      await admin.connect();
      return { client, admin };
    } catch (error) {
      client.cut();
      throw error;
    }
  }

  /** Next call connects anew: what this connection believes was found to be old. */
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

function cutWhenOpen(open: Promise<{ client: KafkaClient }>, logger: Logger): void {
  open.then(
    ({ client }) => client.cut(),
    (error: unknown) => logger.debug({ error }, 'the connection to cut never came up'),
  );
}

/**
 * First and end offset of every partition that Kafka lists now. The list of partitions is asked for each time: the
 * one that kafkajs remembers would hide partitions that were added.
 */
export async function readOffsets(session: AdminSession, topic: string): Promise<ReadonlyMap<number, LogRange>> {
  const attempt = () =>
    session.use('reading the offsets of the log', async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      const listed = topics.find(({ name }) => name === topic)?.partitions ?? [];
      const rows = await admin.fetchTopicOffsets(topic);
      const ranges = new Map(
        rows.map(({ partition, low, high }) => [partition, { earliest: BigInt(low), end: BigInt(high) }]),
      );
      const isComplete = ranges.size === listed.length && listed.every(({ partitionId }) => ranges.has(partitionId));
      return isComplete ? ranges : undefined;
    });
  const first = await attempt();
  if (first !== undefined) return first;
  session.forget();
  const second = await attempt();
  if (second !== undefined) return second;
  throw new LogUnavailableError('Unreachable', `Kafka does not list the same partitions of ${topic} twice; try again`);
}
