import type { CalculatorConfig } from '#contract/config.ts';
import type { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { DataPlaneMetric } from '#contract/metrics.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { untilFilesChange } from '#platform/secretWatch.ts';
import { kafkaSettings, secretFilesOf } from '#services/eventlog/settings.ts';
import { openLogWriter } from '#services/eventlog/writer.ts';
import type { ServiceHandlers } from '#services/rpc/method.ts';
import { CalculatorApi } from './api.ts';
import { Batcher } from './batcher.ts';
import { Connection } from './connection.ts';
import { RecentAdditions } from './recent.ts';

export interface CalculatorOptions {
  readonly config: CalculatorConfig;
  readonly logger: Logger;
  readonly metrics: Metrics<DataPlaneMetric>;
  /** After the first connection to Kafka. */
  readonly onReady: () => void;
}

export interface CalculatorService {
  readonly handlers: ServiceHandlers<typeof Calculator>;
  /** Why it is not ready; undefined when it is. */
  problem(): string | undefined;
  /** Begins to connect, and goes on trying. */
  start(): void;
  close(): Promise<void>;
}

/** About 1 KB each with their records: 10 MB when Kafka stands still. */
const queueMax = 10_000;
/** More records in a batch make no append faster (measured: flat from 500), and fewer are lost sight of at once. */
const batchRecordsMax = 500;
/** Half of the 1 MB that a broker takes by default. */
const batchBytesMax = 512 * 1024;
/** About 0.5 KB each: a quick retry is seconds old, and 50,000 are seconds of full load. */
const recentMax = 50_000;

/** Puts the calculator together: connection, batcher, memory of recent additions, and the service on top. */
export function createCalculator({ config, logger, metrics, onReady }: CalculatorOptions): CalculatorService {
  const settings = kafkaSettings(config);
  const secretPaths = secretFilesOf(settings).map(({ path }) => path);
  const connection = new Connection({
    open: (onFatal) => openLogWriter({ settings, logger, onFatal }),
    untilSecretsChange: (signal) => untilFilesChange(secretPaths, signal),
    logger,
    random: Math.random,
    onConnected: onReady,
  });
  const batcher = new Batcher({
    append: async (partition, records, options) => connection.current().append(partition, records, options),
    limits: { queueMax, batchRecordsMax, batchBytesMax },
    now: Date.now,
    onQueue: (additions) => metrics.set('sumpipeline_calculator_queue_additions', additions),
    onAppend({ records, ms, error }) {
      const result = error === undefined ? 'ok' : 'failed';
      metrics.observe('sumpipeline_log_append_duration_seconds', ms / 1000, { result });
      metrics.observe('sumpipeline_log_append_batch_additions', records);
      if (error !== undefined) logger.warn({ error, records }, 'an append was not acknowledged');
    },
  });
  const api = new CalculatorApi({
    logEpoch: config.SUMPIPELINE_LOG_EPOCH,
    recent: new RecentAdditions({ entriesMax: recentMax }),
    async write(record, deadline) {
      const partition = connection.current().partitionFor(record.key);
      return { partition, offset: await batcher.add(partition, record, deadline) };
    },
    onReplayed: () => metrics.increment('sumpipeline_calculator_replayed_total'),
    now: Date.now,
  });
  return {
    handlers: api,
    problem: () => connection.problem,
    start: () => connection.start(),
    close: () => connection.close(),
  };
}
