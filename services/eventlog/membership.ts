import type { Consumer } from 'kafkajs';
import { withDeadline } from '#platform/time.ts';
import { NotMemberError } from './port.ts';

/** Maximum wait until the coordinator confirms the membership. After that the caller retries. */
const proofTimeoutMs = 5_000;

/**
 * Commits offsets and detects whether the coordinator accepted them. An offset commit carries generation and member id,
 * so the coordinator refuses it from a process that is no longer a member. But kafkajs also *resolves without sending*
 * when its consumer has stopped. So only kafkajs' event about a commit counts. A token in the commit's metadata
 * identifies the event.
 */
export class VouchedCommits {
  readonly #consumer: Consumer;
  readonly #topic: string;
  /** Key: token of a commit in flight. Value: whether the coordinator has accepted the commit. */
  readonly #taken = new Map<string, boolean>();
  #count = 0;

  constructor(consumer: Consumer, topic: string) {
    this.#consumer = consumer;
    this.#topic = topic;
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const entry of payload.topics.flatMap(({ partitions }) => partitions)) {
        // The entry has `metadata`, although its type does not declare it: kafkajs passes on the entries that it got.
        const token: unknown = Reflect.get(entry, 'metadata');
        if (typeof token === 'string' && this.#taken.has(token)) this.#taken.set(token, true);
      }
    });
  }

  /** Resolves when the coordinator accepts. Throws NotMemberError if it refuses or does not respond. */
  async commit(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    this.#count += 1;
    const token = `sumpipeline ${this.#count}`;
    this.#taken.set(token, false);
    try {
      const entries = [...nextOffsets].map(([partition, offset]) => ({
        topic: this.#topic,
        partition,
        offset: String(offset),
        metadata: token,
      }));
      await withDeadline('the request to the group coordinator', proofTimeoutMs, this.#consumer.commitOffsets(entries));
      if (this.#taken.get(token) !== true) throw new Error('the consumer has stopped: nothing was sent');
    } catch (error) {
      throw new NotMemberError('the group coordinator did not confirm the membership', { cause: error });
    } finally {
      this.#taken.delete(token);
    }
  }
}
