import { silentLogger } from '#platform/log.ts';
import { backoffMs, pause } from '#platform/time.ts';
import type { BatchResult, LogAssignment, LogBatch, LogError, LogReader, LogRecord } from '#services/eventlog/port.ts';
import { openLogReader } from '#services/eventlog/reader.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';

/**
 * A stand-in for the ledger in PostgreSQL. Per partition it keeps the next offset, the fencing token and every
 * committed record. The readers of one group share it, like the database. It refuses what the real ledger refuses.
 */
export class FakeBooks {
  readonly committed = new Map<number, LogRecord[]>();
  readonly #ownerEpochs = new Map<number, number>();
  readonly #firstOffset: bigint;

  constructor(options: { firstOffset?: bigint } = {}) {
    this.#firstOffset = options.firstOffset ?? 0n;
  }

  nextOffset(partition: number): bigint {
    return this.#firstOffset + BigInt(this.#records(partition).length);
  }

  claim(partition: number): number {
    const ownerEpoch = (this.#ownerEpochs.get(partition) ?? 0) + 1;
    this.#ownerEpochs.set(partition, ownerEpoch);
    return ownerEpoch;
  }

  /** Commits a batch. Returns false if the fence is lost. Throws if the batch does not begin at the next offset. */
  commit(batch: LogBatch, ownerEpoch: number): boolean {
    const { partition, records, firstOffset } = batch;
    if (this.#ownerEpochs.get(partition) !== ownerEpoch) return false;
    const expected = this.nextOffset(partition);
    if (firstOffset !== expected)
      throw new Error(`partition ${partition}: batch begins at ${firstOffset}, but ${expected} is next`);
    for (const [index, record] of records.entries()) {
      if (record.offset !== expected + BigInt(index))
        throw new Error(`partition ${partition}: a gap at ${record.offset}`);
    }
    this.#records(partition).push(...records);
    return true;
  }

  get total(): number {
    return [...this.committed.values()].reduce((sum, records) => sum + records.length, 0);
  }

  #records(partition: number): LogRecord[] {
    const found = this.committed.get(partition) ?? [];
    this.committed.set(partition, found);
    return found;
  }
}

export interface MiniAggregator extends AsyncDisposable {
  readonly name: string;
  /** The events in order, for the message of a timeout. */
  readonly events: string[];
  readonly assignments: LogAssignment[];
  readonly stopped: { partition: number; error: LogError }[];
  readonly fatals: Error[];
  reader(): LogReader | undefined;
  owned(): number[];
}

export interface MiniAggregatorOptions {
  readonly name?: string;
  readonly settings: KafkaSettings;
  readonly books: FakeBooks;
  readonly recordsMax?: number;
  readonly idleCheckMs?: number;
  /** Called before a batch is committed. It may delay or throw. */
  readonly onBatch?: (batch: LogBatch) => Promise<void>;
}

/**
 * Runs an aggregator on FakeBooks: it proves its membership, claims a partition, reads a batch and commits it. After
 * a fatal error it makes a new reader.
 */
export function startMiniAggregator(options: MiniAggregatorOptions): MiniAggregator {
  const { settings, books, name = 'one' } = options;
  const stopping = new AbortController();
  const events: string[] = [];
  const assignments: LogAssignment[] = [];
  const stopped: MiniAggregator['stopped'] = [];
  const fatals: Error[] = [];
  const tokens = new Map<number, { assignment: LogAssignment; ownerEpoch: number }>();
  let reader: LogReader | undefined;
  const note = (text: string) => events.push(`${name}: ${text}`);

  const claim = async (assignment: LogAssignment, partition: number) => {
    for (let attempt = 0; !assignment.signal.aborted && !stopping.signal.aborted; attempt++) {
      try {
        await assignment.proveMembership();
        tokens.set(partition, { assignment, ownerEpoch: books.claim(partition) });
        await assignment.readFrom(partition, books.nextOffset(partition));
        note(`reads ${partition} from ${books.nextOffset(partition)}`);
        return;
      } catch (error) {
        note(`claim of ${partition} failed: ${messageOf(error)}`);
        if (error instanceof Error && error.name === 'LogRangeError') return;
        await pause(backoffMs(attempt, { minimumMs: 50, maximumMs: 1000, random: Math.random }), assignment.signal);
      }
    }
  };
  const onBatch = async (batch: LogBatch): Promise<BatchResult> => {
    await options.onBatch?.(batch);
    const token = tokens.get(batch.partition);
    if (token === undefined || token.assignment !== batch.assignment) return { kind: 'stop' };
    if (books.commit(batch, token.ownerEpoch)) {
      return { kind: 'confirmed', nextOffset: batch.firstOffset + BigInt(batch.records.length) };
    }
    note(`lost the fence of ${batch.partition}`);
    void claim(batch.assignment, batch.partition);
    return { kind: 'stop' };
  };
  const run = async () => {
    for (let attempt = 0; !stopping.signal.aborted; attempt++) {
      const fatal = Promise.withResolvers<Error>();
      try {
        reader = await openLogReader({
          settings,
          logger: silentLogger,
          ...(options.recordsMax === undefined ? {} : { recordsMax: options.recordsMax }),
          ...(options.idleCheckMs === undefined ? {} : { idleCheckMs: options.idleCheckMs }),
          handlers: {
            onAssigned(assignment) {
              note(`generation ${assignment.generation}: ${assignment.partitions.join(',')}`);
              assignments.push(assignment);
              for (const partition of assignment.partitions) void claim(assignment, partition);
            },
            onBatch,
            onPartitionStopped(partition, error) {
              note(`stopped ${partition}: ${error.message}`);
              stopped.push({ partition, error });
            },
            onPartitionWaits: (partition, why) => note(`${partition} waits: ${why}`),
            onFatal: fatal.resolve,
          },
        });
        attempt = 0;
        const error = await Promise.race([fatal.promise, untilAborted(stopping.signal)]);
        if (error !== undefined) {
          note(`fatal: ${error.message}`);
          fatals.push(error);
        }
      } catch (error) {
        note(`cannot open: ${messageOf(error)}`);
        await pause(backoffMs(attempt, { minimumMs: 100, maximumMs: 2000, random: Math.random }), stopping.signal);
      } finally {
        await reader?.close(2_000);
        reader = undefined;
      }
    }
  };
  const running = run();
  return {
    name,
    events,
    assignments,
    stopped,
    fatals,
    reader: () => reader,
    owned: () => [...(assignments.at(-1)?.partitions ?? [])],
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
