import type { Logger } from '#platform/log.ts';

export interface LogEndsOptions {
  /** One past the last offset of each partition whose leader responded. Undefined while there is no connection. */
  readonly read: () => Promise<ReadonlyMap<number, bigint>> | undefined;
  readonly set: (partition: number, end: number) => void;
  readonly remove: (partition: number) => void;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** One request per leader and calculator: cheap for Kafka, and more often than Prometheus scrapes. */
const logEndsEveryMs = 10_000;

/** Without a response for three periods the number is outdated, and a wrong number would scale the aggregators in. */
const forgottenAfterMs = 3 * logEndsEveryMs;

/**
 * The end of the log by partition, as Kafka reports it. A partition without a recent end has no series.
 * Acknowledgements raise the ends between two requests.
 */
export class LogEnds {
  readonly #options: LogEndsOptions;
  readonly #known = new Map<number, { end: bigint; at: number }>();
  /** Ends that were acknowledged since the request in flight began: its response may be older. */
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

  /** Reports an acknowledged append: the log reaches at least to `end`. */
  raise(partition: number, end: bigint): void {
    if (end > (this.#raised.get(partition) ?? 0n)) this.#raised.set(partition, end);
    const known = this.#known.get(partition);
    // A partition whose end was never read stays absent: its end may be far beyond this calculator's writes.
    if (known === undefined || known.end >= end) return;
    known.end = end;
    this.#options.set(partition, Number(end));
  }

  /** Reads the ends once and drops outdated ones. Never rejects. */
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

  /** The end from Kafka is used even if it is less than before: a truncated log has a lower end. */
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
