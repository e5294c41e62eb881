import { type CountedLog, parseCountedLog } from '#contract/countedLog.ts';
import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { pause } from '#platform/time.ts';

/** The kubelet needs up to a minute and a half to update a ConfigMap in a pod, so reading more often would not help. */
const lookEveryMs = 5_000;

export interface CountedLogFileOptions {
  /** Undefined if there is no such file, for example outside of Kubernetes. */
  readonly path: string | undefined;
  readonly source: string | undefined;
  /** A file about another topic is ignored: the pipeline may have been re-created under the same name. */
  readonly topic: string;
  readonly logger: Logger;
  /** How often the file is read; for tests. */
  readonly everyMs?: number;
}

/** Which log the aggregators count, from the file that the operator mounts. Keeps the last value that was read. */
export class CountedLogFile {
  readonly #options: CountedLogFileOptions;
  readonly #ending = new AbortController();
  #log: CountedLog | undefined;
  /** The last valid content of the file, and the last problem with it. */
  #text: string | undefined;
  #problem: string | undefined;
  #unreadable: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CountedLogFileOptions) {
    this.#options = options;
  }

  /**
   * Undefined while the file does not exist. Throws SumError if the file is invalid and no earlier content was valid.
   */
  require(): CountedLog | undefined {
    if (this.#log === undefined && this.#unreadable !== undefined) throw new SumError('unavailable', this.#unreadable);
    return this.#log;
  }

  /** Reads the file, then again whenever it changes. Never rejects. */
  async start(): Promise<void> {
    await this.#read();
    if (this.#options.path !== undefined) this.#running = this.#follow();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #follow(): Promise<void> {
    const { everyMs = lookEveryMs } = this.#options;
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await pause(everyMs, signal);
      if (!signal.aborted) await this.#read();
    }
  }

  async #read(): Promise<void> {
    const { path, source, logger } = this.#options;
    if (path === undefined) return;
    try {
      const text = await readSecretFile({ what: 'log that is counted', path, source });
      if (text === this.#text) return;
      this.#text = text;
      this.#problem = undefined;
      this.#take(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // The file is missing until the aggregators have reported for the first time. Logged once.
      if (problem !== this.#problem) logger.info({ error }, 'it is not known yet which log is counted');
      this.#problem = problem;
    }
  }

  #take(text: string): void {
    const { path, source, topic, logger } = this.#options;
    try {
      const log = parseCountedLog(text);
      this.#unreadable = undefined;
      if (log.topic === topic) this.#log = log;
      logger.info({ ...log }, 'read which log is counted');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#unreadable =
        `${source ?? path} cannot be read (${problem}), so it is not known which log is counted; nothing was written. ` +
        'Run calculators and operator of the same version, then retry';
      logger.error({ error }, 'cannot read which log is counted');
    }
  }
}
