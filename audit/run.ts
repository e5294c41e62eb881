import type { AggregatorConfig } from '#contract/config.ts';
import { type AuditOptions, audit } from './audit.ts';
import { Books } from './books/books.ts';
import { openStore } from './books/store.ts';
import { isFinal } from './log/read.ts';
import { Topic } from './log/topic.ts';
import type { AuditResult } from './result.ts';
import { createRetry } from './retry.ts';
import { readKafkaAccess, readStoreAccess } from './settings.ts';

export interface RunOptions extends Pick<AuditOptions, 'to' | 'onProgress'> {
  readonly config: AggregatorConfig;
  /** Called with every error of Kafka or PostgreSQL that is retried. */
  readonly onWait: (error: unknown) => void;
}

/** Runs one audit with its own connections. The settings are the environment of an aggregator's pod. */
export async function runAudit({ config, to, onProgress, onWait }: RunOptions): Promise<AuditResult> {
  const [kafka, store] = [await readKafkaAccess(config), await readStoreAccess(config)];
  const [topic, pool] = [new Topic(kafka), openStore(store)];
  const common = { now: () => performance.now(), random: Math.random, onWait };
  try {
    return await audit({
      books: new Books(pool, store.schema),
      topic,
      topicName: kafka.topic,
      pipeline: `${config.SUMPIPELINE_NAMESPACE}/${config.SUMPIPELINE_NAME}`,
      to,
      retryKafka: createRetry({ ...common, isFinal, beforeNext: () => topic.readFacts() }),
      retryBooks: createRetry({ ...common, isFinal: isAnswer }),
      onProgress,
      now: () => new Date(),
    });
  } finally {
    topic.close();
    await pool.end();
  }
}

/** Returns true if PostgreSQL refused the query itself. Errors of the classes 08, 53 and 57 are only temporary. */
function isAnswer(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) && !/^(08|53|57)/.test(code);
}
