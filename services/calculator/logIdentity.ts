import { SumError } from '#core/errors.ts';
import type { LogWriter } from '#services/eventlog/port.ts';

export interface LogIdentityOptions {
  /** Undefined while there is no connection to the log. */
  readonly writer: () => Pick<LogWriter, 'topicId' | 'confirmTopic'> | undefined;
  /** Id of the topic that the aggregators count; undefined while it is not known. */
  readonly countedTopicId: () => string | undefined;
  /** What was acknowledged may not be in the log any more. Called once for each time that this is found. */
  readonly onLost: (fields: object) => void;
}

/**
 * Whether the log still holds what this calculator acknowledged. It does not when the topic was deleted and made again,
 * which Kafka tells by another topic id, and when its end was lost, which an acknowledged offset tells that goes back.
 */
export class LogIdentity {
  readonly #options: LogIdentityOptions;
  /** Of the topic that this process began to write to: right while it is not known which one is counted. */
  #firstId: string | undefined;
  #wantedId: string | undefined;
  #isReplaced = false;
  /** One past the highest offset that was acknowledged, by partition. */
  readonly #ends = new Map<number, bigint>();

  constructor(options: LogIdentityOptions) {
    this.#options = options;
  }

  /** Throws SumError while the topic of that name is another one than is counted, or than this process began to write to. */
  require(): void {
    const found = this.#options.writer()?.topicId;
    if (found === undefined) return;
    this.#firstId ??= found;
    const wanted = this.#options.countedTopicId() ?? this.#firstId;
    const isReplaced = found !== wanted;
    // What was acknowledged before stands in the other topic.
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

  /** Asks Kafka now whether this is still the topic that we write to; false also when it does not say. */
  async isConfirmed(): Promise<boolean> {
    try {
      const found = await this.#options.writer()?.confirmTopic();
      this.require();
      return found !== undefined && found === this.#wantedId;
    } catch {
      return false;
    }
  }

  /** Call when an append begins, and the answer with its acknowledgement: an append may be answered before an earlier one. */
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
