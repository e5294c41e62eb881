import { invalidField, SumError } from '#core/errors.ts';
import { formatVector, type Position } from '#core/vector.ts';
import { pause } from '#platform/time.ts';

export interface WaitOptions {
  readonly atLeast: readonly Position[];
  readonly logEpoch: number;
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Another replica may be the one that applies them, so the books are asked again; a local commit wakes us early. */
const pollMs = 100;

/** Waiters hold no connection between looks; this bounds the memory and the polling that clients can cause. */
const waitersMax = 1000;

/** Wakes whoever waits for positions when this process has applied some. */
export class Waiting {
  readonly #readVector: () => Promise<readonly Position[]>;
  #reading: Promise<readonly Position[]> | undefined;
  #wake = new AbortController();
  #waiters = 0;

  constructor(readVector: () => Promise<readonly Position[]>) {
    this.#readVector = readVector;
  }

  /** Some positions were applied here. */
  wakeAll(): void {
    if (this.#waiters === 0) return;
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /** Ends when every position is applied. Throws SumError position-not-reached at the deadline. */
  async until(options: WaitOptions): Promise<void> {
    const wanted = currentLogOnly(options);
    if (wanted.length === 0) return;
    if (this.#waiters >= waitersMax)
      throw new SumError('queue-full', `${waitersMax} requests wait for positions already; try again`);
    this.#waiters++;
    try {
      for (;;) {
        const woken = this.#wake.signal;
        const missing = missingOf(wanted, await this.#look());
        if (missing.length === 0) return;
        const left = options.deadline - options.now();
        if (left <= 0 || options.signal.aborted) {
          throw new SumError(
            'position-not-reached',
            `not applied before the deadline: ${formatVector(missing.slice(0, 10))}; the additions are in the log, ask again`,
            { field: 'atLeast' },
          );
        }
        await pause(Math.min(pollMs, left), AbortSignal.any([woken, options.signal]));
      }
    } finally {
      this.#waiters--;
    }
  }

  /** One question to the books serves everybody who waits for its answer: waiters cost no connections. */
  #look(): Promise<readonly Position[]> {
    this.#reading ??= this.#readVector().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }
}

/** A position of an earlier log was applied before this one opened; one of a later log cannot be known here. */
function currentLogOnly({ atLeast, logEpoch }: WaitOptions): Position[] {
  const future = atLeast.find((position) => position.logEpoch > logEpoch);
  if (future !== undefined)
    throw invalidField('atLeast', `names log ${future.logEpoch}; the newest log is ${logEpoch}`);
  return atLeast.filter((position) => position.logEpoch === 0 || position.logEpoch === logEpoch);
}

function missingOf(wanted: readonly Position[], vector: readonly Position[]): Position[] {
  const applied = new Map(vector.map(({ partition, offset }) => [partition, offset]));
  return wanted.filter(({ partition, offset }) => (applied.get(partition) ?? -1n) < offset);
}
