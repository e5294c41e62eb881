import type { Logger } from '#platform/log.ts';

export interface LogEndsOptions {
  /** One past the last offset of each partition whose leader told it. Undefined while there is no connection. */
  readonly read: () => Promise<ReadonlyMap<number, bigint>> | undefined;
  readonly set: (partition: number, end: number) => void;
  readonly remove: (partition: number) => void;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** One request per leader and calculator: cheap for Kafka, and more often than Prometheus looks. */
const logEndsEveryMs = 10_000;

/** Without an answer for three periods the number is no longer true, and a wrong one would scale the aggregators in. */
const forgottenAfterMs = 3 * logEndsEveryMs;

/**
 * The end of the log by partition, as Kafka says it, or nothing: a partition whose end was not learnt lately has no
 * series. Acknowledgements raise the ends in between.
 */
export class LogEnds {
  readonly #options: LogEndsOptions;
  readonly #known = new Map<number, { end: bigint; at: number }>();
  /** Acknowledged since the question that is on its way: its answer may be older. */
  readonly #raised = new Map<number, bigint>();
  #timer: NodeJS.Timeout | undefined;
  #isAsking = false;

  constructor(options: LogEndsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => void this.refresh(), logEndsEveryMs);
    void this.refresh();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const partition of [...this.#known.keys()]) this.#forget(partition);
  }

  /** An append was acknowledged: the log reaches at least to here. */
  raise(partition: number, end: bigint): void {
    if (end > (this.#raised.get(partition) ?? 0n)) this.#raised.set(partition, end);
    const known = this.#known.get(partition);
    // A partition that was never asked about stays absent: its end may be far beyond what we wrote.
    if (known === undefined || known.end >= end) return;
    known.end = end;
    this.#options.set(partition, Number(end));
  }

  /** Asks once, and forgets what is too old. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#raised.clear();
    try {
      const ends = await this.#options.read();
      for (const [partition, end] of ends ?? []) this.#learn(partition, end);
    } catch (error) {
      this.#options.logger.debug({ error }, 'cannot read the ends of the log now');
    } finally {
      this.#isAsking = false;
    }
    const oldest = this.#options.now() - forgottenAfterMs;
    for (const [partition, { at }] of this.#known) if (at < oldest) this.#forget(partition);
  }

  /** What Kafka says counts, also when it is less than before: a log that was cut has another end. */
  #learn(partition: number, answered: bigint): void {
    const raised = this.#raised.get(partition) ?? 0n;
    const end = raised > answered ? raised : answered;
    this.#known.set(partition, { end, at: this.#options.now() });
    this.#options.set(partition, Number(end));
  }

  #forget(partition: number): void {
    this.#known.delete(partition);
    this.#options.remove(partition);
  }
}
