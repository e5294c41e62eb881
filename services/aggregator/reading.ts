import type { AggregatorConfig } from '#contract/config.ts';
import { untilAborted } from '#platform/signals.ts';
import { backoffMs, pause } from '#platform/time.ts';
import { LogReplacedError, LogUnavailableError, type TopicIdentity } from '#services/eventlog/port.ts';
import { openLogReader } from '#services/eventlog/reader.ts';
import { kafkaSettings } from '#services/eventlog/settings.ts';
import { openTopicIdentity } from '#services/eventlog/topicIdentity.ts';
import { type LedgerIdentity, StoreUnavailableError } from '#services/ledger/port.ts';
import { healthOf, healthy } from './health.ts';
import { Partitions } from './partitions.ts';
import { keepRecounted } from './recounting.ts';
import type { Session, SessionOptions } from './session.ts';
import { traceBatch } from './tracing.ts';
import { StuckError, watch } from './watch.ts';

/** First and longest wait before reading starts again after a failure, in milliseconds. */
const waits = { minimumMs: 250, maximumMs: 15_000, random: Math.random };
/** If reading worked for this long, the next failure starts with a short wait again. */
const healthyAfterMs = 60_000;

/** Counts the log into PostgreSQL until the signal is aborted. Reconnects after a failure. Throws only StuckError. */
export async function readLog(options: SessionOptions, session: Session, signal: AbortSignal): Promise<void> {
  const { state, logger, leaving } = options;
  const either = AbortSignal.any([signal, leaving]);
  const counting: Counting = { partitions: undefined, recounting: undefined };
  for (let failures = 0; !either.aborted; ) {
    const startedAt = Date.now();
    try {
      await readOnce(options, session, counting, either);
    } catch (error) {
      if (error instanceof StuckError) throw error;
      // The shutdown causes errors, which must not change the health.
      if (either.aborted) return;
      if (error instanceof StoreUnavailableError) state.store = healthOf(error);
      else state.kafka = healthOf(error);
      // A server was down, so no partition could make progress: measure the time without progress from now on. Do not
      // do this after a crash of the reader itself: then a reader that crashes repeatedly would never count as stuck.
      if (error instanceof StoreUnavailableError || error instanceof LogUnavailableError) {
        options.stillness.forget();
        state.stuck = [];
      }
      if (Date.now() - startedAt > healthyAfterMs) failures = 0;
      const waitMs = backoffMs(failures++, waits);
      logger.error({ error, waitMs }, 'reading the log failed; retrying');
      await pause(waitMs, either);
    }
  }
}

/** State that is kept while the connection to Kafka is opened again within one session. */
interface Counting {
  /** The partitions of the present connection to Kafka. */
  partitions: Partitions | undefined;
  /** The running recounts. Undefined until Kafka was reached for the first time. They end with the session. */
  recounting: Promise<void> | undefined;
}

/** Checks that the tables count this topic, joins the group, and counts until the signal is aborted. Throws errors. */
async function readOnce(
  options: SessionOptions,
  session: Session,
  counting: Counting,
  signal: AbortSignal,
): Promise<void> {
  const { config, state, logger, metrics, onApplied } = options;
  const { ledger } = session;
  await using stack = new AsyncDisposableStack();
  const identity = await openTopicIdentity(kafkaSettings(config));
  stack.defer(() => identity.close());
  const { clusterId, topicId } = await prepareLog(options, session, identity);
  const isConnected = () => {
    const { problem } = session.topicFile;
    state.kafka = problem === undefined ? healthy(`connected to cluster ${clusterId}`) : healthOf(problem);
  };
  // After a failure, do not report Kafka as healthy here, but only in onAssigned, as a member of the group. Otherwise a
  // missing permission would make the health switch between ok and failed.
  if (!state.wasKafkaTried || state.kafka.ok) isConnected();
  state.books = await ledger.readBooks();
  const { SUMPIPELINE_LOG_EPOCH: logEpoch } = config;
  const assigned = () => (counting.partitions?.assigned ?? []).map((partition) => ({ logEpoch, partition }));
  counting.recounting ??= keepRecounted({ ledger, state, logger, assigned }, signal);

  const failed = Promise.withResolvers<never>();
  const partitions = new Partitions({
    ledger,
    confirmLog: (partition) => identity.confirm(partition, topicId),
    owner: config.SUMPIPELINE_POD_NAME,
    logger,
    metrics,
    now: Date.now,
    random: Math.random,
    // The verdict needs parked records and counters, which are in PostgreSQL.
    onChange: () => void readBooks(options, session, signal),
    onApplied,
    onFatal: failed.reject,
  });
  state.halts = () => partitions.halts;
  const reader = await openLogReader({
    settings: kafkaSettings(config),
    logger,
    handlers: {
      onAssigned: (assignment) => {
        isConnected();
        partitions.assign(assignment);
      },
      onBatch: (batch) => traceBatch(config.SUMPIPELINE_KAFKA_TOPIC, batch, () => partitions.apply(batch)),
      onPartitionStopped: (partition, error) => partitions.stopped(partition, error),
      onPartitionWaits: (partition, why) => partitions.waits(partition, why),
      onFatal: failed.reject,
    },
  });
  logger.info({ clusterId, topic: config.SUMPIPELINE_KAFKA_TOPIC }, 'counting the records of the topic');
  const watched = { session, partitions, requireSameLog: () => requireSameLog(identity, topicId, config) };
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  counting.partitions = partitions;
  try {
    await Promise.race([failed.promise, watch(options, watched, either), untilAborted(either)]);
  } finally {
    ending.abort();
    counting.partitions = undefined;
    await partitions.rest();
    await reader.close();
    await partitions.whenIdle();
    partitions.retire();
  }
}

interface PreparedLog {
  readonly clusterId: string;
  readonly topicId: string;
}

/** Ensures that the topic exists and is the counted topic. Returns its ids, and sets its durability in the state. */
async function prepareLog(
  { config, state, logger }: SessionOptions,
  { ledger, topic, topicFile }: Session,
  identity: TopicIdentity,
): Promise<PreparedLog> {
  const clusterId = await topic.clusterId();
  const epoch = config.SUMPIPELINE_LOG_EPOCH;
  const report = ({ clusterId, topicId }: LedgerIdentity) => {
    if (topicId !== undefined) state.log = { epoch, topic: config.SUMPIPELINE_KAFKA_TOPIC, clusterId, topicId };
  };
  const counted = await ledger.readLog();
  if (counted !== undefined) report(counted);
  // Check before any change: the cluster or the topic may belong to another pipeline.
  if (counted !== undefined) await ledger.identify({ clusterId, topicId: await readIfPresent(identity) });
  try {
    await topicFile.ensure(counted !== undefined);
  } catch (error) {
    // If the topic was counted before, continue even if its settings cannot be changed. `watch` retries the change.
    if (counted === undefined || isTopicMissing(error)) throw error;
    logger.warn({ error }, 'the topic does not have the wanted settings');
  }
  state.topic = await topic.readSettings();
  const topicId = await identity.read();
  await ledger.identify({ clusterId, topicId });
  report({ clusterId, topicId });
  return { clusterId, topicId };
}

/** Throws LogReplacedError if the topic was deleted and created again. */
async function requireSameLog(identity: TopicIdentity, wanted: string, config: AggregatorConfig): Promise<void> {
  const found = await identity.read();
  if (found !== wanted) throw new LogReplacedError({ topic: config.SUMPIPELINE_KAFKA_TOPIC, wanted, found });
}

/** Returns undefined if the topic does not exist: a later call throws an error with a better message. */
async function readIfPresent(identity: TopicIdentity): Promise<string | undefined> {
  try {
    return await identity.read();
  } catch (error) {
    if (isTopicMissing(error)) return undefined;
    throw error;
  }
}

function isTopicMissing(error: unknown): boolean {
  return error instanceof LogUnavailableError && error.reason === 'TopicMissing';
}

async function readBooks({ state }: SessionOptions, { ledger }: Session, signal: AbortSignal): Promise<void> {
  try {
    state.books = await ledger.readBooks();
  } catch (error) {
    if (!signal.aborted) state.store = healthOf(error);
  }
}
