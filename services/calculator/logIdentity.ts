import { SumError } from '#core/errors.ts';
import type { LogWriter } from '#services/eventlog/port.ts';

export interface LogIdentityOptions {
  /** Undefined while there is no connection to the log. */
  readonly writer: () => Pick<LogWriter, 'topicId' | 'confirmTopic'> | undefined;
  /** Id of the topic that the aggregators count; undefined while it is not known. */
  readonly countedTopicId: () => string | undefined;
  /** Called once for each detected loss: acknowledged additions may no longer be in the log. */
  readonly onLost: (fields: object) => void;
}

/**
 * Detects whether the log still holds what this calculator acknowledged. It does not if the topic was deleted and
 * re-created (Kafka then returns another topic id), or if the end of the log was lost (acknowledged offsets then go
 * back).
 */
export class LogIdentity {
  readonly #options: LogIdentityOptions;
  /** Id of the topic that this process first wrote to; used while the counted topic is not known. */
  #firstId: string | undefined;
  #wantedId: string | undefined;
  #isReplaced = false;
  /** One past the highest offset that was acknowledged, by partition. */
  readonly #ends = new Map<number, bigint>();

  constructor(options: LogIdentityOptions) {
    this.#options = options;
  }

  /** Throws SumError while the topic has another id than the counted topic, or than the topic of the first write. */
  require(): void {
    const found = this.#options.writer()?.topicId;
    if (found === undefined) return;
    this.#firstId ??= found;
    const wanted = this.#options.countedTopicId() ?? this.#firstId;
    const isReplaced = found !== wanted;
    // Additions that were acknowledged before are in the other topic.
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

  /** Checks with Kafka now that the topic still has the wanted id; also false if Kafka does not respond. */
  async isConfirmed(): Promise<boolean> {
    try {
      const found = await this.#options.writer()?.confirmTopic();
      this.require();
      return found !== undefined && found === this.#wantedId;
    } catch {
      return false;
    }
  }

  /** Call when an append begins; call the returned function with its acknowledgement. Appends may end out of order. */
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
