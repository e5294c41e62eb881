import { SumError } from '#core/errors.ts';
import type { LogWriter } from '#services/eventlog/port.ts';

export interface LogIdentityOptions {
  /** Returns the open writer. Undefined while there is no connection to Kafka. */
  readonly writer: () => Pick<LogWriter, 'topicId' | 'confirmTopic'> | undefined;
  /** Returns the id of the topic that the aggregators count. Undefined while it is not known. */
  readonly countedTopicId: () => string | undefined;
  /** Called once for each detected loss: acknowledged additions may no longer be in the log. */
  readonly onLost: (fields: object) => void;
}

/**
 * Detects that the log may have lost additions that this calculator acknowledged. Two signs of a loss:
 *   another topic id         the topic was deleted and created again
 *   a lower append position  the end of a partition was lost, and Kafka assigns the same offsets again
 */
export class LogIdentity {
  readonly #options: LogIdentityOptions;
  /** Id of the first topic that this process was connected to. Used while the counted topic is not known. */
  #firstId: string | undefined;
  #wantedId: string | undefined;
  #isReplaced = false;
  /** The highest acknowledged offset plus one, by partition. */
  readonly #ends = new Map<number, bigint>();

  constructor(options: LogIdentityOptions) {
    this.#options = options;
  }

  /**
   * Throws SumError while the topic's id is not the id of the counted topic. If the id of the counted topic is unknown,
   * uses the first id that this process saw instead.
   */
  require(): void {
    const found = this.#options.writer()?.topicId;
    if (found === undefined) return;
    this.#firstId ??= found;
    const wanted = this.#options.countedTopicId() ?? this.#firstId;
    const isReplaced = found !== wanted;
    // If the wanted topic changed, additions that were acknowledged before are in another topic: report them as lost.
    const isOther = this.#wantedId !== undefined && this.#wantedId !== wanted;
    if (isOther || (isReplaced && !this.#isReplaced)) this.#options.onLost({ wanted, found });
    this.#wantedId = wanted;
    this.#isReplaced = isReplaced;
    if (!isReplaced) return;
    throw new SumError(
      'unavailable',
      `the log was replaced: its topic had id ${wanted} and now has id ${found}. Nothing was written. ` +
        'Do what the status of the SumPipeline says, then retry',
    );
  }

  /** Asks Kafka for the topic's id. Returns whether it is the wanted id; false if Kafka does not respond. */
  async isConfirmed(): Promise<boolean> {
    try {
      const found = await this.#options.writer()?.confirmTopic();
      this.require();
      return found !== undefined && found === this.#wantedId;
    } catch {
      return false;
    }
  }

  /** Call this when an append begins. Call the result when it is acknowledged. Appends may end in any order. */
  beginAppend(partition: number): (baseOffset: bigint, records: number) => void {
    const endBefore = this.#ends.get(partition) ?? 0n;
    return (baseOffset, records) => {
      if (baseOffset < endBefore) {
        this.#ends.delete(partition);
        this.#options.onLost({ partition, endBefore: String(endBefore), baseOffset: String(baseOffset) });
      }
      const end = baseOffset + BigInt(records);
      if (end > (this.#ends.get(partition) ?? 0n)) this.#ends.set(partition, end);
    };
  }
}
