import { AppendError, type AppendedBatch, type LogRecordInput } from '#services/eventlog/port.ts';

export interface BatcherOptions {
  /** Writes one batch. Resolves only after a partition acknowledged it. Returns this partition and the first offset. */
  readonly write: (records: readonly LogRecordInput[], deadline: number) => Promise<AppendedBatch>;
  readonly limits: BatcherLimits;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** Called when the number of additions that wait or are being written changes. */
  readonly onQueue: (additions: number) => void;
}

export interface BatcherLimits {
  /** Maximum number of additions that wait or are being written. */
  readonly queueMax: number;
  /** Maximum number of records in one batch. */
  readonly batchRecordsMax: number;
  /** Maximum number of bytes of keys and values in one batch. */
  readonly batchBytesMax: number;
  /** Maximum number of batches that are being written at the same time. */
  readonly writesMax: number;
}

/** Position of one addition in the log. */
export interface Place {
  readonly partition: number;
  readonly offset: bigint;
}

/** The queue is full, so this addition was not accepted. */
export class QueueFullError extends Error {}

/** The deadline passed while the addition waited, so it was never sent. */
export class NeverSentError extends Error {}

interface Item {
  readonly record: LogRecordInput;
  readonly deadline: number;
  readonly resolve: (place: Place) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Collects additions into batches: while batches are being written, the next batch fills. So batches grow with the
 * load. If no batch is being written, an addition is sent at once, so no timer has to be tuned.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  #waiting: Item[] = [];
  #queued = 0;
  #writes = 0;
  #isStarting = false;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the position of this record, after Kafka acknowledged it. Rejects with QueueFullError or
   * NeverSentError if nothing was sent. After any other error, except AppendError `tooLarge`, the record may be in the
   * log.
   */
  add(record: LogRecordInput, deadline: number): Promise<Place> {
    if (this.#queued >= this.#options.limits.queueMax) {
      return Promise.reject(new QueueFullError(`${this.#queued} additions are waiting`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, deadline, resolve, reject });
      this.#count(1);
      this.#startSoon();
    });
  }

  #count(change: number): void {
    this.#queued += change;
    this.#options.onQueue(this.#queued);
  }

  /** Starts in the next turn of the event loop, so that additions that arrive together are sent together. */
  #startSoon(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      this.#start();
    });
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#writes < this.#options.limits.writesMax) {
      const batch = this.#take();
      if (batch.length > 0) void this.#write(batch);
    }
  }

  /** Takes the oldest items out of the queue, up to the limits. Rejects items whose deadline has passed. */
  #take(): Item[] {
    const { batchRecordsMax, batchBytesMax } = this.#options.limits;
    const now = this.#options.now();
    const batch: Item[] = [];
    let bytes = 0;
    let taken = 0;
    for (const item of this.#waiting) {
      const { key, value } = item.record;
      const isFull =
        batch.length === batchRecordsMax || (batch.length > 0 && bytes + key.length + value.length > batchBytesMax);
      if (isFull) break;
      taken += 1;
      if (item.deadline <= now) {
        this.#count(-1);
        item.reject(new NeverSentError('the deadline passed before the addition could be sent'));
        continue;
      }
      batch.push(item);
      bytes += key.length + value.length;
    }
    this.#waiting.splice(0, taken);
    return batch;
  }

  /** Never rejects: every item gets its own result. */
  async #write(batch: readonly Item[]): Promise<void> {
    this.#writes += 1;
    await this.#writeAll(batch);
    this.#writes -= 1;
    this.#start();
  }

  /** Writes the batch. Splits it in halves while Kafka refuses it as too large, down to one record. */
  async #writeAll(batch: readonly Item[]): Promise<void> {
    try {
      // The write gets the latest deadline. The callers of the other items stop waiting at their own deadlines.
      const deadline = Math.max(...batch.map((item) => item.deadline));
      const { partition, baseOffset } = await this.#options.write(
        batch.map(({ record }) => record),
        deadline,
      );
      this.#count(-batch.length);
      for (const [index, item] of batch.entries()) item.resolve({ partition, offset: baseOffset + BigInt(index) });
    } catch (error) {
      if (error instanceof AppendError && error.outcome === 'tooLarge' && batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await Promise.all([this.#writeAll(batch.slice(0, half)), this.#writeAll(batch.slice(half))]);
        return;
      }
      this.#count(-batch.length);
      for (const item of batch) item.reject(error);
    }
  }
}
