import type { AggregatorConfig } from '#contract/config.ts';
import type { DataPlaneMetric } from '#contract/metrics.ts';
import type { Health } from '#contract/verdict.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { Releasers } from '#platform/releasers.ts';
import { SecretFileError } from '#platform/secretFile.ts';
import { pause } from '#platform/time.ts';
import { judgeDurability } from '#services/eventlog/durability.ts';
import { type LogTopic, LogUnavailableError, TopicConflictError } from '#services/eventlog/port.ts';
import { openLogReader } from '#services/eventlog/reader.ts';
import { kafkaSettings } from '#services/eventlog/settings.ts';
import { openLogTopic } from '#services/eventlog/topic.ts';
import { openLedger } from '#services/ledger/ledger.ts';
import { type Ledger, StoreIdentityError, StoreUnavailableError } from '#services/ledger/port.ts';
import { Partitions } from './partitions.ts';
import type { AggregatorState } from './state.ts';

export interface SessionOptions {
  readonly config: AggregatorConfig;
  readonly state: AggregatorState;
  readonly logger: Logger;
  readonly metrics: Metrics<DataPlaneMetric>;
  readonly onApplied: () => void;
}

/** What the API reads through while a session lasts. */
export interface Session {
  readonly ledger: Ledger;
  readonly topic: LogTopic;
}

/** How often facts that nobody reports are looked at: books, log ends, and (every sixth time) topic settings. */
const lookEveryMs = 10_000;
const settingsEveryLooks = 6;
/** Lag without progress for this long means that something inside is stuck: build the session anew. */
const stuckAfterMs = 120_000;

const healthy = (message: string): Health => ({ ok: true, reason: 'Connected', message });

/**
 * One life of all connections, from freshly read secrets: open the books, ask Kafka who it is, check the identity,
 * join the group. Runs until the signal or until something fails for good; the caller waits and starts the next.
 */
export async function runSession(
  options: SessionOptions,
  signal: AbortSignal,
  onOpen: (session: Session | undefined) => void,
): Promise<void> {
  const { config, state, logger, metrics } = options;
  const releasers = new Releasers(logger);
  try {
    const ledger = await openStore(options);
    releasers.add('ledger', () => ledger.close());
    const topic = openLogTopic({ settings: kafkaSettings(config), logger });
    releasers.add('topic', () => topic.close());
    // Readers are served as soon as the books are open, also while Kafka is away.
    onOpen({ ledger, topic });
    releasers.add('api', () => onOpen(undefined));

    const clusterId = await openLog(options, topic);
    await checkIdentity(options, ledger, clusterId);

    const failed = Promise.withResolvers<never>();
    const partitions = new Partitions({
      ledger,
      owner: config.SUMPIPELINE_POD_NAME,
      logger,
      metrics,
      now: Date.now,
      random: Math.random,
      onChange: () => void look({ ...options, partitions }, { ledger, topic }).catch(() => undefined),
      onApplied: options.onApplied,
      onFatal: failed.reject,
    });
    state.halts = () => partitions.halts;
    await look({ ...options, partitions }, { ledger, topic });

    const reader = await openLogReader({
      settings: kafkaSettings(config),
      logger,
      handlers: {
        onAssigned: (assignment) => partitions.assign(assignment),
        onBatch: (batch) => partitions.apply(batch),
        onPartitionStopped: (partition, error) => partitions.stopped(partition, error),
        onFatal: failed.reject,
      },
    });
    releasers.add('partitions', () => partitions.settled());
    releasers.add('reader', () => reader.close());
    logger.info({ clusterId, topic: config.SUMPIPELINE_KAFKA_TOPIC }, 'aggregating');

    const recounting = recount(options, ledger);
    await Promise.race([
      failed.promise,
      watch({ ...options, partitions }, { ledger, topic }, signal),
      recounting.then(() => aborted(signal)),
    ]);
  } catch (error) {
    report(state, error);
    throw error;
  } finally {
    await releasers.releaseAll();
  }
}

async function openStore({ config, state, logger }: SessionOptions): Promise<Awaited<ReturnType<typeof openLedger>>> {
  const ledger = await openLedger(config, logger);
  try {
    await ledger.migrate();
  } catch (error) {
    await ledger.close();
    throw error;
  }
  state.store = healthy('the books are open');
  return ledger;
}

/** Makes sure that there is a log and says how well it keeps what it acknowledged. */
async function openLog({ config, state, logger }: SessionOptions, topic: LogTopic): Promise<string> {
  const clusterId = await topic.clusterId();
  const partitions = config.SUMPIPELINE_TOPIC_PARTITIONS;
  if (config.SUMPIPELINE_TOPIC_ENSURE && partitions !== undefined) {
    const { created, changes } = await topic.ensure({
      partitions,
      replicas: config.SUMPIPELINE_TOPIC_REPLICAS,
      minInSyncReplicas: config.SUMPIPELINE_TOPIC_MIN_IN_SYNC_REPLICAS,
      retentionMs: config.SUMPIPELINE_TOPIC_RETENTION_MS,
      config: config.SUMPIPELINE_TOPIC_CONFIG ?? {},
    });
    if (created || changes.length > 0) logger.info({ created, changes }, 'topic made as wanted');
  }
  state.durability = judgeDurability(await topic.readSettings());
  state.kafka = healthy(`connected to cluster ${clusterId}`);
  return clusterId;
}

async function checkIdentity(
  { state }: SessionOptions,
  ledger: Awaited<ReturnType<typeof openLedger>>,
  clusterId: string,
): Promise<void> {
  await ledger.identify({ clusterId });
  state.books = await ledger.readBooks();
}

/** Counts the ledger again at every start; a failure here is tried again by the next session. */
async function recount({ state, logger }: SessionOptions, ledger: Ledger): Promise<void> {
  const startedAt = Date.now();
  const result = await ledger.recount();
  logger.info(
    { additions: result.additions, differences: result.differences, ms: Date.now() - startedAt },
    'ledger recounted',
  );
  state.recount = result;
}

interface Watched extends SessionOptions {
  readonly partitions: Partitions;
}

/** Looks at everything on a timer until the signal; throws when the partitions stand still in spite of lag. */
async function watch(options: Watched, session: Session, signal: AbortSignal): Promise<void> {
  for (let looks = 1; ; looks++) {
    await pause(lookEveryMs, signal);
    if (signal.aborted) return;
    await look(options, session);
    if (looks % settingsEveryLooks === 0) await lookAtSettings(options, session);
    const stuck = await lookAtLag(options, session);
    if (stuck !== undefined) throw new Error(stuck);
  }
}

/** Reads the books. A failure is the store's health, not the end of the session: the pool connects again by itself. */
async function look({ state }: Watched, { ledger }: Session): Promise<void> {
  try {
    state.books = await ledger.readBooks();
    if (!state.store.ok) state.store = healthy('the books are open');
  } catch (error) {
    state.store = healthOf(error);
  }
}

async function lookAtSettings({ state }: Watched, { topic }: Session): Promise<void> {
  try {
    state.durability = judgeDurability(await topic.readSettings());
  } catch (error) {
    state.kafka = healthOf(error);
  }
}

async function lookAtLag(options: Watched, { topic }: Session): Promise<string | undefined> {
  const { state, partitions, metrics } = options;
  let ranges: Awaited<ReturnType<LogTopic['offsets']>>;
  try {
    ranges = await topic.offsets();
    if (!state.kafka.ok) state.kafka = healthy('connected again');
  } catch (error) {
    state.kafka = healthOf(error);
    return undefined;
  }
  for (const [partition, { nextOffset, progressAt }] of partitions.owned) {
    const lag = (ranges.get(partition)?.end ?? nextOffset) - nextOffset;
    metrics.set('sumpipeline_lag_records', Number(lag), { partition });
    const stillMs = Date.now() - progressAt;
    // While the books cannot be reached nothing can progress, and starting anew would not help.
    if (lag > 0n && stillMs > stuckAfterMs && state.store.ok && state.kafka.ok) {
      return `partition ${partition} has a lag of ${lag} and did not move for ${Math.round(stillMs / 1000)} s`;
    }
  }
  return undefined;
}

/** Writes the failure of a session into the health of the side it came from. */
function report(state: AggregatorState, error: unknown): void {
  if (error instanceof StoreIdentityError || error instanceof StoreUnavailableError) state.store = healthOf(error);
  else if (error instanceof SecretFileError && error.message.startsWith('PostgreSQL')) state.store = healthOf(error);
  else state.kafka = healthOf(error);
}

function healthOf(error: unknown): Health {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, reason: reasonOf(error), message };
}

function reasonOf(error: unknown): string {
  if (error instanceof StoreIdentityError || error instanceof StoreUnavailableError) return error.reason;
  if (error instanceof LogUnavailableError) return error.reason;
  if (error instanceof TopicConflictError) return 'TopicConflict';
  if (error instanceof SecretFileError) return 'SecretMissing';
  return 'Failed';
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
