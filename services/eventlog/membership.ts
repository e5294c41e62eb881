import type { Consumer } from 'kafkajs';
import { withDeadline } from '#platform/time.ts';
import { NotMemberError } from './port.ts';

/** A coordinator that does not answer for this long cannot vouch for us; the caller tries again. */
const proofTimeoutMs = 5_000;

/**
 * Offset commits that count only when the coordinator took them. An offset commit carries generation and member id
 * and is refused when we are a zombie; but kafkajs also *resolves without sending* when its consumer has stopped. So a
 * commit counts by kafkajs' own event about it, recognised by a token in its metadata, and by nothing else.
 */
export class VouchedCommits {
  readonly #consumer: Consumer;
  readonly #topic: string;
  /** Tokens of commits under way; true once the coordinator took it. */
  readonly #taken = new Map<string, boolean>();
  #count = 0;

  constructor(consumer: Consumer, topic: string) {
    this.#consumer = consumer;
    this.#topic = topic;
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const entry of payload.topics.flatMap(({ partitions }) => partitions)) {
        // Declared without metadata, but this is the very list that was passed in.
        const token: unknown = Reflect.get(entry, 'metadata');
        if (typeof token === 'string' && this.#taken.has(token)) this.#taken.set(token, true);
      }
    });
  }

  /** Resolves on the coordinator's yes. Throws NotMemberError otherwise, also when nobody can say. */
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
      if (this.#taken.get(token) !== true) throw new Error('the consumer has stopped, nothing was sent');
    } catch (error) {
      throw new NotMemberError('the group coordinator did not confirm our membership', { cause: error });
    } finally {
      this.#taken.delete(token);
    }
  }
}
