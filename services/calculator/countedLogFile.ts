import { type CountedLog, parseCountedLog } from '#contract/countedLog.ts';
import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { pause } from '#platform/time.ts';

/** The kubelet takes up to a minute and a half to bring a changed ConfigMap into a pod: looking more often finds nothing sooner. */
const lookEveryMs = 5_000;

export interface CountedLogFileOptions {
  /** Undefined: no log is handed over, as outside of Kubernetes. */
  readonly path: string | undefined;
  readonly source: string | undefined;
  /** Of another topic nothing is taken: the pipeline may have been made again under its name. */
  readonly topic: string;
  readonly logger: Logger;
  /** How often the file is looked at; for tests. */
  readonly everyMs?: number;
}

/** Which log the aggregators count, from the file that the operator mounts. What was read last stays known. */
export class CountedLogFile {
  readonly #options: CountedLogFileOptions;
  readonly #ending = new AbortController();
  #log: CountedLog | undefined;
  /** What the file said when it was last understood, and what was last wrong with it. */
  #text: string | undefined;
  #problem: string | undefined;
  #unreadable: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CountedLogFileOptions) {
    this.#options = options;
  }

  /** Undefined while there is no such file. Throws SumError for one that cannot be read before any was. */
  require(): CountedLog | undefined {
    if (this.#log === undefined && this.#unreadable !== undefined) throw new SumError('unavailable', this.#unreadable);
    return this.#log;
  }

  /** Reads the file for the first time, then again whenever it changes. Rejects never. */
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
      // Missing until the aggregators have reported for the first time. Said once.
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
