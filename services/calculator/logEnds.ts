import type { Logger } from '#platform/log.ts';

export interface LogEndsOptions {
  /** Reads the next free offset of each partition whose leader responds. Returns undefined without a connection. */
  readonly read: () => Promise<ReadonlyMap<number, bigint>> | undefined;
  readonly set: (partition: number, end: number) => void;
  readonly remove: (partition: number) => void;
  readonly logger: Logger;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** How often the log ends are read: more often than Prometheus scrapes. One request per leader is cheap for Kafka. */
const logEndsEveryMs = 10_000;

/**
 * If Kafka does not return the end of a partition for this time, in milliseconds, the metric is removed. An outdated
 * log end is too low, so autoscaling would remove aggregators.
 */
const forgottenAfterMs = 3 * logEndsEveryMs;

/**
 * Exports the end of each partition, as Kafka reports it. A partition without a recent end has no metric series.
 * Between two requests, acknowledged appends raise the ends.
 */
export class LogEnds {
  readonly #options: LogEndsOptions;
  readonly #known = new Map<number, { end: bigint; at: number }>();
  /** Key: partition. Value: its end by the appends since the last request began. The response may have a lower end. */
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

  /** Call after an acknowledged append: the partition now ends at `end` or later. */
  raise(partition: number, end: bigint): void {
    if (end > (this.#raised.get(partition) ?? 0n)) this.#raised.set(partition, end);
    const known = this.#known.get(partition);
    // An end that was never read stays absent: other calculators may have written far beyond this one.
    if (known === undefined || known.end >= end) return;
    known.end = end;
    this.#options.set(partition, Number(end));
  }

  /** Reads the log ends from Kafka once, and removes outdated ends. Never rejects. */
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

  /** Stores an end from Kafka, even if it is lower than before: a partition can be truncated. */
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
