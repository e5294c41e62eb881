import { backoffMs } from '#platform/time.ts';
import { AppendError, type AppendedBatch, type AppendOptions, type LogRecordInput } from '#services/eventlog/port.ts';
import type { ChosenPartition, PartitionChooser } from './partitionChooser.ts';

export interface BatchWriteOptions {
  readonly records: readonly LogRecordInput[];
  /** Deadline for the acknowledgement, in milliseconds since the Unix epoch. */
  readonly deadline: number;
  readonly chooser: Pick<PartitionChooser, 'choose' | 'lateMs'>;
  /** Sends one produce request, without retries. */
  readonly append: (
    partition: number,
    records: readonly LogRecordInput[],
    options: AppendOptions,
  ) => Promise<AppendedBatch>;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Returns a number in [0, 1) for the jitter of the waits. */
  readonly random: () => number;
  /** Called with the number of records that are appended again while an earlier append of them may still succeed. */
  readonly onCopies: (records: number) => void;
}

/** Waits before the third and later attempts, in ms. The second attempt uses another partition and does not wait. */
const waits = { minimumMs: 50, maximumMs: 1_000 };

/** Maximum number of concurrent appends of one batch. With 3, a batch succeeds even if two brokers hang. */
const unansweredMax = 3;

/**
 * Writes one batch. Repeats these steps until a partition acknowledges the batch or the deadline passes:
 *
 *   1. Append the batch to a partition. If it is acknowledged, the batch has its position.
 *   2. If the append fails, append again: to another partition, if another is healthy.
 *   3. If no response comes in time, also append a copy to a partition with another leader. The first acknowledgement
 *      counts.
 *
 * Copies are safe: the ledger counts an id once, even if its copies are in different partitions. Rejects with
 * AppendError if no acknowledgement came before the deadline. Then the records may still be in the log.
 */
export function writeBatch(options: BatchWriteOptions): Promise<AppendedBatch> {
  return new BatchWrite(options).run();
}

class BatchWrite {
  readonly #options: BatchWriteOptions;
  readonly #ended = Promise.withResolvers<AppendedBatch>();
  readonly #unanswered = new Set<ChosenPartition>();
  #isOver = false;
  /** True if an append that ended may have written the records. */
  #isUnknown = false;
  #failures = 0;
  #lastError: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatchWriteOptions) {
    this.#options = options;
  }

  run(): Promise<AppendedBatch> {
    this.#next();
    return this.#ended.promise;
  }

  /** Begins the next append if a partition is available, and schedules the next call of this method. */
  #next(): void {
    const { chooser, deadline, now } = this.#options;
    if (this.#isOver) return;
    if (now() >= deadline) {
      // If appends are in flight, do not reject yet: they end at the deadline too, and each calls this method again.
      if (this.#unanswered.size === 0) this.#end(() => this.#ended.reject(this.#error()));
      return;
    }
    const leaders = new Set([...this.#unanswered].map(({ leader }) => leader));
    const chosen = leaders.size < unansweredMax ? chooser.choose(leaders) : undefined;
    if (chosen !== undefined) void this.#append(chosen);
    const copies = this.#unanswered.size - 1;
    this.#comeBackIn(copies >= 0 ? chooser.lateMs * 2 ** copies : this.#backoff());
  }

  /** Never rejects. */
  async #append(chosen: ChosenPartition): Promise<void> {
    const { records, deadline, append, onCopies } = this.#options;
    if (this.#isUnknown || this.#unanswered.size > 0) onCopies(records.length);
    this.#unanswered.add(chosen);
    try {
      const place = await append(chosen.partition, records, { deadline });
      this.#unanswered.delete(chosen);
      chosen.answered();
      this.#end(() => this.#ended.resolve(place));
    } catch (error) {
      const outcome = error instanceof AppendError ? error.outcome : 'unknown';
      this.#unanswered.delete(chosen);
      chosen.failed(outcome);
      this.#lastError = error;
      if (outcome === 'unknown') this.#isUnknown = true;
      if (outcome === 'tooLarge') this.#end(() => this.#ended.reject(error));
      else this.#comeBackIn(this.#failures++ === 0 ? 0 : this.#backoff());
    }
  }

  #comeBackIn(ms: number): void {
    if (this.#isOver) return;
    const { deadline, now } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), Math.min(ms, Math.max(0, deadline - now())));
  }

  #end(finish: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    finish();
  }

  #backoff(): number {
    return backoffMs(this.#failures, { ...waits, random: this.#options.random });
  }

  #error(): Error {
    if (this.#lastError instanceof Error) return this.#lastError;
    return new AppendError('no partition accepted the records before the deadline', {
      outcome: 'notWritten',
    });
  }
}
