import { invalidField, SumError } from '#core/errors.ts';
import { formatVector, type Position } from '#core/vector.ts';
import { shareWhileOpen } from '#platform/share.ts';
import { pause } from '#platform/time.ts';

export interface WaitOptions {
  readonly atLeast: readonly Position[];
  readonly logEpoch: number;
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * How often PostgreSQL is read while requests wait, in milliseconds: another replica may count their positions. After a
 * commit of this process, it is read immediately.
 */
const pollMs = 100;

/**
 * How long a request for an unknown partition waits before it is refused. When a topic gets new partitions, some
 * brokers know them a moment later.
 */
const unknownPartitionMs = 2_000;

/**
 * Maximum number of requests that wait at the same time. A waiting request holds no connection, so this limits only the
 * memory and the reads that clients can cause.
 */
const waitersMax = 1000;

export interface WaitingSources {
  /** Returns the last counted position of each partition. A partition without counted records is missing. */
  readVector(): Promise<readonly Position[]>;
  /** Returns the partitions that Kafka lists. */
  readPartitions(): Promise<ReadonlySet<number>>;
}

/** Lets requests wait until positions are counted. A commit of this process wakes them. */
export class Waiting {
  readonly #readVector: () => Promise<readonly Position[]>;
  readonly #readPartitions: () => Promise<ReadonlySet<number>>;
  #wake = new AbortController();
  #waiters = 0;

  constructor({ readVector, readPartitions }: WaitingSources) {
    // All waiting requests share one query, so that they need only one connection to PostgreSQL.
    this.#readVector = shareWhileOpen(readVector);
    this.#readPartitions = shareWhileOpen(readPartitions);
  }

  /** Call it when this process has counted records. */
  wakeAll(): void {
    if (this.#waiters === 0) return;
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /**
   * Resolves when every position is counted. Throws SumError:
   *   position-not-reached  at the deadline
   *   invalid-field         for a partition that the topic does not have, or a later log
   *   queue-full            if too many requests wait
   */
  async until(options: WaitOptions): Promise<void> {
    const wanted = currentLogOnly(options);
    if (wanted.length === 0) return;
    if (this.#waiters >= waitersMax)
      throw new SumError('queue-full', `already ${waitersMax} requests wait for positions; retry later`);
    this.#waiters++;
    const unknownFrom = options.now() + unknownPartitionMs;
    let arePartitionsKnown = false;
    try {
      for (;;) {
        const woken = this.#wake.signal;
        const vector = await this.#readVector();
        const missing = missingOf(wanted, vector);
        if (missing.length === 0) return;
        const isOneEmpty = missing.some(({ partition }) => vector.every((one) => one.partition !== partition));
        if (!arePartitionsKnown && isOneEmpty && options.now() >= unknownFrom) {
          arePartitionsKnown = await this.#refuseUnknown(missing);
        }
        const left = options.deadline - options.now();
        if (left <= 0 || options.signal.aborted) {
          throw new SumError(
            'position-not-reached',
            `not counted before the deadline: ${formatVector(missing.slice(0, 10))}; wait longer, or check whether the aggregators make progress`,
            { field: 'atLeast' },
          );
        }
        await pause(Math.min(pollMs, left), AbortSignal.any([woken, options.signal]));
      }
    } finally {
      this.#waiters--;
    }
  }

  /** Returns whether Kafka responded. Throws SumError for a partition that Kafka does not list. */
  async #refuseUnknown(positions: readonly Position[]): Promise<boolean> {
    const partitions = await this.#readPartitions().catch(() => undefined);
    if (partitions === undefined) return false;
    const unknown = positions.find(({ partition }) => !partitions.has(partition));
    if (unknown !== undefined) {
      throw invalidField(
        'atLeast',
        `names partition ${unknown.partition}; the highest partition of the topic is ${Math.max(...partitions)}`,
      );
    }
    return true;
  }
}

/** Drops positions of earlier logs: they were counted before this log was opened. Throws SumError for later logs. */
function currentLogOnly({ atLeast, logEpoch }: WaitOptions): Position[] {
  const future = atLeast.find((position) => position.logEpoch > logEpoch);
  if (future !== undefined)
    throw invalidField('atLeast', `names log epoch ${future.logEpoch}; the newest log epoch is ${logEpoch}`);
  return atLeast.filter((position) => position.logEpoch === 0 || position.logEpoch === logEpoch);
}

function missingOf(wanted: readonly Position[], vector: readonly Position[]): Position[] {
  const applied = new Map(vector.map(({ partition, offset }) => [partition, offset]));
  return wanted.filter(({ partition, offset }) => (applied.get(partition) ?? -1n) < offset);
}
