import type { CalculatorConfig } from '#contract/config.ts';
import type { Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import type { CalculatorMetrics } from '#contract/metrics.ts';
import { CertificateWatch } from '#platform/certificateWatch.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { untilFilesChange } from '#platform/secretWatch.ts';
import { findKafkaCertificates } from '#services/eventlog/certificates.ts';
import { AppendError, type AppendOptions, type AppendOutcome, type LogRecordInput } from '#services/eventlog/port.ts';
import { kafkaSettings, secretFilesOf } from '#services/eventlog/settings.ts';
import { openLogWriter } from '#services/eventlog/writer.ts';
import type { ServiceHandlers } from '#services/rpc/method.ts';
import { CalculatorApi } from './api.ts';
import { Batcher } from './batcher.ts';
import { writeBatch } from './batchWrite.ts';
import { Connection } from './connection.ts';
import { CountedLogFile } from './countedLogFile.ts';
import { LogEnds } from './logEnds.ts';
import { LogIdentity } from './logIdentity.ts';
import { PartitionChooser } from './partitionChooser.ts';
import { RecentAdditions } from './recent.ts';
import { traceAppend, traceSend } from './tracing.ts';

export interface CalculatorOptions {
  readonly config: CalculatorConfig;
  readonly logger: Logger;
  readonly metrics: Metrics<CalculatorMetrics>;
  /** Called after the first connection to Kafka. */
  readonly onReady: () => void;
}

export interface CalculatorService {
  readonly handlers: ServiceHandlers<typeof Calculator>;
  /** Why the calculator is not ready; undefined if it is ready. */
  problem(): string | undefined;
  /** Starts to connect, with retries. */
  start(): void;
  close(): Promise<void>;
}

/** Maximum number of additions in the queue. Each takes about 1 KB, so a full queue takes 10 MB of memory. */
const queueMax = 10_000;
/**
 * Maximum number of records in a batch. More records make appends no faster (measured: no gain above 500), and a lost
 * response would affect more records.
 */
const batchRecordsMax = 500;
/** Maximum number of bytes in a batch: half of the 1 MB that a broker accepts by default. */
const batchBytesMax = 512 * 1024;
/**
 * Maximum number of batches that are written at the same time. With two, one continues while the other waits for a hung
 * broker. With more, batches were smaller and additions not measurably faster (ADR 0017).
 */
const writesMax = 2;
/** Maximum number of additions that are remembered for retries: some seconds of full load. Each takes about 0.5 KB. */
const recentMax = 50_000;

/** Creates the calculator: connection, batcher, list of recent additions, and the service that uses them. */
export function createCalculator({ config, logger, metrics, onReady }: CalculatorOptions): CalculatorService {
  const settings = kafkaSettings(config);
  const { topic } = settings;
  const secretPaths = secretFilesOf(settings).map(({ path }) => path);
  const untilSecretsChange = (signal: AbortSignal) => untilFilesChange(secretPaths, signal);
  const countedLog = new CountedLogFile({
    path: config.SUMPIPELINE_LOG_FILE,
    source: config.SUMPIPELINE_LOG_SOURCE,
    topic,
    logger,
  });
  const connection = new Connection({
    open: async (onFatal) => {
      // Read the file with the counted log before the first write. Otherwise a calculator would trust a topic that was
      // replaced before the calculator started.
      await countedLogRead;
      return openLogWriter({ settings, logger, onFatal });
    },
    untilSecretsChange,
    logger,
    random: Math.random,
    onConnected() {
      logEnds.start();
      onReady();
      try {
        identity.require();
      } catch (error) {
        // If the topic was replaced, the calculator keeps running and returns `unavailable`.
        logger.error({ error }, 'connected to Kafka, but no addition can be written');
      }
    },
  });
  let countedLogRead: Promise<void> | undefined;
  const recent = new RecentAdditions({ entriesMax: recentMax });
  const identity = new LogIdentity({
    writer: () => connection.writer,
    countedTopicId: () => countedLog.require()?.topicId,
    onLost(fields) {
      recent.clear();
      logger.error(fields, 'the log may have lost acknowledged additions; cleared the list of recent additions');
    },
  });
  const chooser = new PartitionChooser({ log: () => connection.writer, now: Date.now });
  const logEnds = new LogEnds({
    read: () => connection.writer?.logEnds(),
    set: (partition, end) => metrics.sumpipeline_log_end_offset.set({ partition }, end),
    remove: (partition) => metrics.sumpipeline_log_end_offset.remove({ partition }),
    logger,
    now: Date.now,
  });
  const certificates = new CertificateWatch({
    find: (signal) => findKafkaCertificates({ settings, logger, signal }),
    untilSecretsChange,
    set: (end) => metrics.sumpipeline_certificate_expiry_timestamp_seconds.set({ peer: 'kafka' }, end),
    remove: () => metrics.sumpipeline_certificate_expiry_timestamp_seconds.remove({ peer: 'kafka' }),
    logger,
    now: Date.now,
  });
  /** Throws AppendError if the topic was replaced: that can happen while an append waits. */
  const requireLog = (outcome: AppendOutcome) => {
    try {
      identity.require();
    } catch (error) {
      throw new AppendError(error instanceof Error ? error.message : String(error), { cause: error, outcome });
    }
  };
  const append = async (partition: number, records: readonly LogRecordInput[], options: AppendOptions) => {
    const startedAt = performance.now();
    const observe = (result: 'ok' | 'failed') => {
      const seconds = (performance.now() - startedAt) / 1000;
      metrics.sumpipeline_log_append_duration_seconds.observe({ result }, seconds);
      metrics.sumpipeline_log_append_batch_additions.observe(records.length);
    };
    try {
      requireLog('notWritten');
      const acknowledged = identity.beginAppend(partition);
      const place = await connection.current().append(partition, records, options);
      // If a replaced topic acknowledged these records, they do not count. The outcome is unknown, because an earlier
      // attempt may have written them to the counted topic.
      requireLog('unknown');
      observe('ok');
      acknowledged(place.baseOffset, records.length);
      logEnds.raise(partition, place.baseOffset + BigInt(records.length));
      return place;
    } catch (error) {
      observe('failed');
      logger.warn({ error, partition, records: records.length }, 'an append was not acknowledged');
      throw error;
    }
  };
  const batcher = new Batcher({
    write: (records, deadline) =>
      writeBatch({
        records,
        deadline,
        chooser,
        append: (partition, batch, options) =>
          traceAppend({ topic, partition, records: batch }, () => append(partition, batch, options)),
        now: Date.now,
        random: Math.random,
        onCopies: (copies) => metrics.sumpipeline_log_append_copies_total.inc(copies),
      }),
    limits: { queueMax, batchRecordsMax, batchBytesMax, writesMax },
    now: Date.now,
    onQueue: (additions) => metrics.sumpipeline_calculator_queue_additions.set(additions),
  });
  // Set the gauge now. If it were absent until the first addition, this calculator would look missing.
  metrics.sumpipeline_calculator_queue_additions.set(0);
  const api = new CalculatorApi({
    logEpoch: config.SUMPIPELINE_LOG_EPOCH,
    recent,
    isLogConfirmed: () => identity.isConfirmed(),
    async write(record, deadline) {
      // If nothing can be written now, one of these calls throws immediately, with the cause.
      connection.current();
      identity.require();
      return traceSend(topic, record, (traced) => batcher.add(traced, deadline));
    },
    onReplayed: () => metrics.sumpipeline_calculator_replayed_total.inc(),
    now: Date.now,
  });
  return {
    handlers: api,
    problem: () => connection.problem,
    start() {
      countedLogRead = countedLog.start();
      connection.start();
      certificates.start();
    },
    async close() {
      await certificates.close();
      logEnds.close();
      await countedLog.close();
      await connection.close();
    },
  };
}
