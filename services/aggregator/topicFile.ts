import type { AggregatorConfig } from '#contract/config.ts';
import { parseTopicSpec, type TopicSpec } from '#contract/topicSpec.ts';
import type { Logger } from '#platform/log.ts';
import { readSecretFile } from '#platform/secretFile.ts';
import { type LogTopic, TopicConflictError } from '#services/eventlog/port.ts';

const what = 'wanted topic';

/** Applies the mounted file to the topic: creates the topic, and changes its partitions and settings. */
export class TopicFile {
  readonly #path: string | undefined;
  readonly #source: string | undefined;
  readonly #topic: Pick<LogTopic, 'ensure'>;
  readonly #logger: Logger;
  /** The content of the file that was last applied to the topic. */
  #done: string | undefined;
  #problem: unknown;

  constructor({ config, topic, logger }: { config: AggregatorConfig; topic: LogTopic; logger: Logger }) {
    this.#path = config.SUMPIPELINE_TOPIC_FILE;
    this.#source = config.SUMPIPELINE_TOPIC_SOURCE;
    this.#topic = topic;
    this.#logger = logger;
  }

  /** Why the topic differs from the file; undefined if no difference is known. */
  get problem(): unknown {
    return this.#problem;
  }

  /**
   * Creates or changes the topic as the file says. If no file is configured, changes nothing: then another system
   * manages the topic. For `isCounted` see WantedTopic. Throws SecretFileError for a missing file, TopicConflictError
   * for invalid content or a refusal of Kafka, and LogUnavailableError.
   */
  async ensure(isCounted: boolean): Promise<void> {
    await this.#noted(async () => {
      const text = await this.#read();
      if (text !== undefined) await this.#ensure(text, isCounted);
    });
  }

  /**
   * Applies the file to the counted topic if the file has changed since it was last applied. Returns whether it has
   * changed. Calls `requireSame` first, which must throw if the topic was replaced. Throws the errors of `ensure`.
   */
  async ensureIfChanged(requireSame: () => Promise<void>): Promise<boolean> {
    return this.#noted(async () => {
      const text = await this.#read();
      if (text === undefined || text === this.#done) return false;
      await requireSame();
      await this.#ensure(text, true);
      return true;
    });
  }

  async #noted<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#problem = undefined;
      return result;
    } catch (error) {
      this.#problem = error;
      throw error;
    }
  }

  async #read(): Promise<string | undefined> {
    if (this.#path === undefined) return undefined;
    return readSecretFile({ what, path: this.#path, source: this.#source });
  }

  async #ensure(text: string, isCounted: boolean): Promise<void> {
    const { created, changes } = await this.#topic.ensure({ ...this.#parse(text), isCounted });
    this.#done = text;
    if (created || changes.length > 0)
      this.#logger.info({ created, changes }, 'topic created or changed as configured');
  }

  #parse(text: string): TopicSpec {
    try {
      return parseTopicSpec(text);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new TopicConflictError(`${what}: ${this.#source ?? this.#path}: ${problem}`, { cause: error });
    }
  }
}
