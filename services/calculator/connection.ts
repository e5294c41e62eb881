import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import { backoffMs, pause } from '#platform/time.ts';
import type { LogError, LogWriter } from '#services/eventlog/port.ts';

export interface ConnectionOptions {
  /** Reads the secrets and opens a writer with them. */
  readonly open: (onFatal: (error: LogError) => void) => Promise<LogWriter>;
  /** Resolves when the secrets on disk have changed, or when the signal is aborted. */
  readonly untilSecretsChange: (signal: AbortSignal) => Promise<void>;
  readonly logger: Logger;
  /** Returns a number in [0, 1) for the jitter of the waits. */
  readonly random: () => number;
  /** Called after the first connection: from then on the calculator is ready. */
  readonly onConnected: () => void;
}

/** Waits between attempts to connect. They are long enough that many calculators do not overload Kafka. */
const waits = { minimumMs: 500, maximumMs: 15_000 };
/** Maximum wait for the appends in flight of a writer that is closed, in milliseconds. */
const closeWithinMs = 5_000;

/**
 * Keeps one writer open. Handles refused secrets, new secrets, and a Kafka that starts later:
 *
 *   connecting  no writer; `problem` says why
 *   connected   one writer is open; it recovers from lost brokers itself
 *   renewing    secrets changed: a new writer is opened; the old writer is used until the new one is open
 *
 * A writer that reports a fatal error is dropped immediately, and the state is connecting again.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #stopping = new AbortController();
  readonly #closing = new Set<Promise<void>>();
  #writer: LogWriter | undefined;
  /** Why no writer could be opened at the last attempt. */
  #reason = 'not connected to Kafka yet';
  #wasConnected = false;
  #running: Promise<void> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /**
   * Why the calculator is not connected yet. Undefined after the first connection: a calculator that loses Kafka stays
   * ready, and responds that the client should retry.
   */
  get problem(): string | undefined {
    return this.#wasConnected ? undefined : this.#reason;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The writer in use; undefined if no writer is open. */
  get writer(): LogWriter | undefined {
    return this.#writer;
  }

  /** Returns the writer in use. Throws SumError if no writer is open. */
  current(): LogWriter {
    if (this.#writer !== undefined) return this.#writer;
    throw new SumError('unavailable', `${this.#reason}. Nothing was written: retry`);
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#replace(undefined);
    await Promise.all(this.#closing);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      const renewal = new AbortController();
      const ended = AbortSignal.any([signal, renewal.signal]);
      const changed = this.#options.untilSecretsChange(ended).then(() => renewal.abort());
      try {
        await this.#connect(renewal);
        failures = 0;
        await changed;
        if (!signal.aborted) this.#options.logger.info({}, 'reconnecting to Kafka');
      } catch (error) {
        const waitMs = backoffMs(failures++, { ...waits, random: this.#options.random });
        this.#options.logger.error({ error, waitMs }, 'cannot connect to Kafka');
        this.#reason = messageOf(error);
        await pause(waitMs, ended);
      } finally {
        renewal.abort();
      }
    }
  }

  /** Opens a new writer and closes the old writer. If the new writer fails later, aborts `renewal` to connect again. */
  async #connect(renewal: AbortController): Promise<void> {
    const writer = await this.#options.open((error) => {
      this.#options.logger.error({ error }, 'Kafka no longer accepts writes on this connection');
      this.#reason = messageOf(error);
      if (this.#writer === writer) this.#replace(undefined);
      renewal.abort();
    });
    this.#replace(writer);
    this.#options.logger.info({ partitions: writer.partitionCount }, 'connected to Kafka');
    if (this.#wasConnected) return;
    this.#wasConnected = true;
    this.#options.onConnected();
  }

  #replace(writer: LogWriter | undefined): void {
    const old = this.#writer;
    this.#writer = writer;
    if (old === undefined) return;
    // The old writer still receives the acknowledgements of its appends in flight.
    const closing = old.close(closeWithinMs).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
