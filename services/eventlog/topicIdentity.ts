import { ProtocolError } from '@platformatic/kafka';
import { withDeadline } from '#platform/time.ts';
import { explainKafkaError } from './errors.ts';
import { LogReplacedError, LogUnavailableError, type TopicIdentity } from './port.ts';
import { evenWithErrors } from './produce/answers.ts';
import { readCredentials } from './produce/broker.ts';
import { BrokerConnections } from './produce/connections.ts';
import { TopicMetadata } from './produce/metadata.ts';
import type { KafkaSettings } from './settings.ts';

/**
 * Maximum wait for the response of one leader. Short, because a batch waits for it. On timeout the batch is retried.
 */
const answerTimeoutMs = 5_000;

interface Question {
  readonly running: Promise<string>;
  /** The request for calls that arrived while `running` was in flight. It begins when `running` has ended. */
  next: Promise<string> | undefined;
}

/** Reads the secrets. Connects at the first call. Throws SecretFileError for a missing file. */
export async function openTopicIdentity(settings: KafkaSettings): Promise<TopicIdentity> {
  return new KafkaTopicIdentity(settings, new BrokerConnections(await readCredentials(settings)));
}

class KafkaTopicIdentity implements TopicIdentity {
  readonly #settings: KafkaSettings;
  readonly #connections: BrokerConnections;
  readonly #metadata: TopicMetadata;
  /** Key: broker address. Value: its request in flight, which all partitions of the broker share. */
  readonly #questions = new Map<string, Question>();

  constructor(settings: KafkaSettings, connections: BrokerConnections) {
    this.#settings = settings;
    this.#connections = connections;
    this.#metadata = new TopicMetadata({ settings, connections, onChange: () => {} });
  }

  async read(): Promise<string> {
    await this.#metadata.refresh();
    const { topicId } = this.#metadata;
    if (topicId === undefined) throw new LogUnavailableError('Unreachable', 'Kafka did not return the topic id');
    return topicId;
  }

  async confirm(partition: number, topicId: string): Promise<void> {
    const found = await this.#askLeader(partition);
    if (found !== topicId) throw new LogReplacedError({ topic: this.#settings.topic, wanted: topicId, found });
  }

  close(): void {
    this.#connections.close();
  }

  async #askLeader(partition: number): Promise<string> {
    if (this.#metadata.leaderOf(partition)?.address === undefined) await this.#metadata.refresh();
    const address = this.#metadata.leaderOf(partition)?.address;
    if (address === undefined)
      throw new LogUnavailableError('Unreachable', `partition ${partition} has no leader at the moment`);
    try {
      return await this.#ask(address);
    } catch (error) {
      // Refresh the metadata for the next request: another broker may be the leader now.
      this.#metadata.refresh().catch(() => {});
      throw explainKafkaError(error, this.#settings);
    }
  }

  /**
   * Returns the topic id from a request that begins after this call: an earlier response may be older than the records
   * that the caller fetched.
   */
  #ask(address: string): Promise<string> {
    const question = this.#questions.get(address);
    if (question === undefined) return this.#begin(address);
    question.next ??= question.running.then(
      () => this.#begin(address),
      () => this.#begin(address),
    );
    return question.next;
  }

  #begin(address: string): Promise<string> {
    const running = this.#send(address).finally(() => {
      if (this.#questions.get(address) === question) this.#questions.delete(address);
    });
    const question: Question = { running, next: undefined };
    this.#questions.set(address, question);
    return running;
  }

  async #send(address: string): Promise<string> {
    const { topic } = this.#settings;
    const { connection, versions } = await this.#connections.get(address);
    const asked = evenWithErrors(versions.metadata.async(connection, [topic], false, false));
    const answer = await withDeadline(`reading the id of topic ${topic} from ${address}`, answerTimeoutMs, asked);
    const [found] = answer.topics;
    if (found === undefined) throw new Error("the broker's response lacks the requested topic");
    if (found.errorCode !== 0) throw new ProtocolError(found.errorCode);
    this.#metadata.take(answer);
    return found.topicId;
  }
}
