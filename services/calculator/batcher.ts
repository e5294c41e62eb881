import type { AppendedBatch, AppendOptions, LogRecordInput } from '#services/eventlog/port.ts';

export interface BatcherOptions {
  /** Appends one batch to one partition; resolves only by that partition's own acknowledgement. */
  readonly append: (
    partition: number,
    records: readonly LogRecordInput[],
    options: AppendOptions,
  ) => Promise<AppendedBatch>;
  readonly limits: BatcherLimits;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** After every change of the number of additions that wait or are being written. */
  readonly onQueue: (additions: number) => void;
  /** After every append that ended. */
  readonly onAppend: (append: { records: number; ms: number; error: unknown }) => void;
}

export interface BatcherLimits {
  /** Additions waiting or being written, over all partitions. */
  readonly queueMax: number;
  /** Records in one append. */
  readonly batchRecordsMax: number;
  /** Bytes of keys and values in one append. */
  readonly batchBytesMax: number;
}

/** The queue is full: this addition was not taken. */
export class QueueFullError extends Error {}

/** The deadline passed while the addition waited: it was never sent. */
export class NeverSentError extends Error {}

interface Item {
  readonly record: LogRecordInput;
  readonly deadline: number;
  readonly resolve: (offset: bigint) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  waiting: Item[];
  isBusy: boolean;
}

/**
 * Gathers additions into appends, one in flight per partition: while it flies the next one gathers, so batches grow
 * with the load and a single addition waits for nothing. There is no timer to tune.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  readonly #lanes = new Map<number, Lane>();
  #queued = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the offset of this very record, by the acknowledgement of the append that carried it. Rejects with
   * QueueFullError or NeverSentError when nothing was sent; with anything else the outcome is unknown.
   */
  add(partition: number, record: LogRecordInput, deadline: number): Promise<bigint> {
    if (this.#queued >= this.#options.limits.queueMax) {
      return Promise.reject(new QueueFullError(`${this.#queued} additions are waiting`));
    }
    return new Promise((resolve, reject) => {
      const lane = this.#laneOf(partition);
      lane.waiting.push({ record, deadline, resolve, reject });
      this.#count(1);
      if (!lane.isBusy) void this.#work(partition, lane);
    });
  }

  #laneOf(partition: number): Lane {
    const found = this.#lanes.get(partition);
    if (found !== undefined) return found;
    const lane: Lane = { waiting: [], isBusy: false };
    this.#lanes.set(partition, lane);
    return lane;
  }

  #count(change: number): void {
    this.#queued += change;
    this.#options.onQueue(this.#queued);
  }

  /** Never rejects: every item hears of its own end. */
  async #work(partition: number, lane: Lane): Promise<void> {
    lane.isBusy = true;
    // One turn later, so that additions that arrive together leave together.
    await Promise.resolve();
    while (lane.waiting.length > 0) {
      const batch = this.#take(lane);
      if (batch.length > 0) await this.#send(partition, batch);
    }
    lane.isBusy = false;
  }

  /** The next items by age up to the limits, without those whose time is over. */
  #take(lane: Lane): Item[] {
    const { batchRecordsMax, batchBytesMax } = this.#options.limits;
    const now = this.#options.now();
    const batch: Item[] = [];
    let bytes = 0;
    let taken = 0;
    for (const item of lane.waiting) {
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
    lane.waiting.splice(0, taken);
    return batch;
  }

  async #send(partition: number, batch: readonly Item[]): Promise<void> {
    const startedAt = this.#options.now();
    // The most patient item decides how long the append may try; the others are answered by their own deadlines.
    const deadline = Math.max(...batch.map((item) => item.deadline));
    const ended = (error: unknown) => {
      this.#count(-batch.length);
      this.#options.onAppend({ records: batch.length, ms: this.#options.now() - startedAt, error });
    };
    try {
      const { baseOffset } = await this.#options.append(
        partition,
        batch.map(({ record }) => record),
        { deadline },
      );
      ended(undefined);
      for (const [index, item] of batch.entries()) item.resolve(baseOffset + BigInt(index));
    } catch (error) {
      ended(error);
      for (const item of batch) item.reject(error);
    }
  }
}
