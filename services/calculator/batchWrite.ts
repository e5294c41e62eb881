import { backoffMs } from '#platform/time.ts';
import { AppendError, type AppendedBatch, type AppendOptions, type LogRecordInput } from '#services/eventlog/port.ts';
import type { ChosenPartition, PartitionChooser } from './partitionChooser.ts';

export interface BatchWriteOptions {
  readonly records: readonly LogRecordInput[];
  /** The last moment for an answer, in milliseconds since the Unix epoch. */
  readonly deadline: number;
  readonly chooser: Pick<PartitionChooser, 'choose' | 'lateMs'>;
  /** One produce request; nothing in it tries again. */
  readonly append: (
    partition: number,
    records: readonly LogRecordInput[],
    options: AppendOptions,
  ) => Promise<AppendedBatch>;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** In [0, 1); jitter of the waits between tries. */
  readonly random: () => number;
  /** So many records are appended again while an earlier append of them may be in the log, or may get there. */
  readonly onCopies: (records: number) => void;
}

/** Waits between tries. The first one follows at once: it goes to another partition. */
const waits = { minimumMs: 50, maximumMs: 1_000 };

/** Unanswered appends of one batch at a time. Two copies save it from two hung brokers; more would only be load. */
const unansweredMax = 3;

/**
 * Writes one batch until a partition acknowledges it:
 *
 *   append to a partition -- answered --------------------------> that is the place
 *          ^     |-- failed: again, to another partition if one is healthy
 *          |     |-- late: again, to a partition of another leader; the first answer of the two counts
 *          +-----+   until the deadline
 *
 * Copies are settled by the ledger: it counts an id once, wherever its copies are. Rejects with AppendError when no
 * answer came; the records may be in the log all the same.
 */
export function writeBatch(options: BatchWriteOptions): Promise<AppendedBatch> {
  return new BatchWrite(options).run();
}

class BatchWrite {
  readonly #options: BatchWriteOptions;
  readonly #ended = Promise.withResolvers<AppendedBatch>();
  readonly #unanswered = new Set<ChosenPartition>();
  #isOver = false;
  /** An append that ended may have written. */
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

  /** Begins the next append when there is a place for it, and comes back when there may be something to do. */
  #next(): void {
    const { chooser, deadline, now } = this.#options;
    if (this.#isOver) return;
    if (now() >= deadline) {
      // Appends on their way end at the deadline too, and come back here.
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

  #end(settle: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    settle();
  }

  #backoff(): number {
    return backoffMs(this.#failures, { ...waits, random: this.#options.random });
  }

  #error(): Error {
    if (this.#lastError instanceof Error) return this.#lastError;
    return new AppendError('no partition of the log could be written to before the deadline', {
      outcome: 'notWritten',
    });
  }
}
