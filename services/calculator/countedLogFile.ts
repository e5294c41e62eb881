import { type CountedLog, parseCountedLog } from '#contract/countedLog.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { pause } from '#platform/time.ts';

/** The kubelet takes up to a minute and a half to bring a changed ConfigMap into a pod: looking more often finds nothing sooner. */
const lookEveryMs = 5_000;

export interface CountedLogFileOptions {
  /** Undefined: no log is handed over, as outside of Kubernetes. */
  readonly path: string | undefined;
  readonly source: string | undefined;
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
  #running: Promise<void> | undefined;

  constructor(options: CountedLogFileOptions) {
    this.#options = options;
  }

  get log(): CountedLog | undefined {
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
      this.#log = parseCountedLog(text);
      this.#text = text;
      this.#problem = undefined;
      logger.info({ ...this.#log }, 'the log that is counted');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // Missing until the aggregators have reported for the first time. Said once.
      if (problem !== this.#problem) logger.info({ error }, 'the log that is counted is not known');
      this.#problem = problem;
    }
  }
}
