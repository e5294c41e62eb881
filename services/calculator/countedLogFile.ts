import { type CountedLog, parseCountedLog } from '#contract/countedLog.ts';
import { SumError } from '#core/errors.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { pause } from '#platform/time.ts';

/** How often the file is read. 5 s adds little delay: the kubelet itself needs up to 90 s to update a mounted file. */
const lookEveryMs = 5_000;

export interface CountedLogFileOptions {
  /** Path of the file. Undefined if no file is mounted, for example outside Kubernetes. */
  readonly path: string | undefined;
  readonly source: string | undefined;
  /** Name of the topic. A file with another topic is ignored: it may be from an earlier pipeline of the same name. */
  readonly topic: string;
  readonly logger: Logger;
  /** How often the file is read, in milliseconds. Default 5 s; tests shorten it. */
  readonly everyMs?: number;
}

/** Reads the operator's file that says which topic the aggregators count. Keeps the last valid value. */
export class CountedLogFile {
  readonly #options: CountedLogFileOptions;
  readonly #ending = new AbortController();
  #log: CountedLog | undefined;
  /** The last content of the file, the last problem with reading it, and why the content is not valid. */
  #text: string | undefined;
  #problem: string | undefined;
  #unreadable: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CountedLogFileOptions) {
    this.#options = options;
  }

  /**
   * Returns the counted topic, or undefined if the file has not named it yet. If the file exists but was never valid,
   * throws SumError.
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
      const text = await readSecretFile({ what: 'counted topic', path, source });
      if (text === this.#text) return;
      this.#text = text;
      this.#problem = undefined;
      this.#take(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      // The file is missing until the aggregators have reported for the first time. Log each problem once.
      if (problem !== this.#problem) logger.info({ error }, 'the topic that the aggregators count is not known yet');
      this.#problem = problem;
    }
  }

  #take(text: string): void {
    const { path, source, topic, logger } = this.#options;
    try {
      const log = parseCountedLog(text);
      this.#unreadable = undefined;
      if (log.topic === topic) this.#log = log;
      logger.info({ ...log }, 'read which topic the aggregators count');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#unreadable =
        `${source ?? path} cannot be read (${problem}), so it is not known which topic is counted. Nothing was written. ` +
        'Run calculators and operator of the same version, then retry';
      logger.error({ error }, 'cannot read which topic the aggregators count');
    }
  }
}
