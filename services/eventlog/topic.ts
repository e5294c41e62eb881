// Import the whole module: Node finds only some exports of kafkajs for `import { name }`.
import kafkajs, { type Admin } from 'kafkajs';
import type { Logger } from '#platform/log.ts';
import { pause } from '#platform/time.ts';
import { AdminSession, readOffsets } from './admin.ts';
import { explainKafkaError, isTopicRefused } from './errors.ts';
import {
  type EnsureResult,
  type LogTopic,
  LogUnavailableError,
  TopicConflictError,
  type TopicSettings,
  type WantedTopic,
} from './port.ts';
import type { KafkaSettings } from './settings.ts';
import { type FoundTopic, planTopic, type TopicPlan, wantedConfig } from './topicPlan.ts';

/** Maximum wait until Kafka lists new partitions. It is shorter than the timeout of one administrative call. */
const listedWithinMs = 10_000;

export interface LogTopicOptions {
  readonly settings: KafkaSettings;
  readonly logger: Logger;
}

/** Returns an administration of the topic. Its connection is opened at the first call. */
export function openLogTopic({ settings, logger }: LogTopicOptions): LogTopic {
  const session = new AdminSession({ settings, logger });
  const { topic } = settings;
  return {
    clusterId: () =>
      session.use('reading the cluster id', async (admin) => {
        const { clusterId } = await admin.describeCluster();
        if (!clusterId) throw new LogUnavailableError('Unreachable', 'Kafka did not return its cluster id');
        return clusterId;
      }),
    readSettings: () => session.use(`reading the settings of topic ${topic}`, (admin) => readSettings(admin, topic)),
    ensure: (wanted) =>
      session.use(`creating or changing topic ${topic}`, (admin) => ensure({ admin, settings, wanted, logger })),
    offsets: () => readOffsets(session, topic, logger),
    close: async () => session.close(),
  };
}

async function readTopic(admin: Admin, topic: string): Promise<FoundTopic & { replicas: number }> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
  if (partitions.length === 0) throw new LogUnavailableError('TopicMissing', `topic ${topic} does not exist`);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  const entries = resources[0]?.configEntries ?? [];
  const isOverride = ({ configSource }: { configSource: number }) => configSource === kafkajs.ConfigSource.TOPIC_CONFIG;
  const toMap = (some: typeof entries) => new Map(some.map(({ configName, configValue }) => [configName, configValue]));
  return {
    partitions: partitions.length,
    replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    effective: toMap(entries),
    overrides: toMap(entries.filter(isOverride)),
  };
}

async function readSettings(admin: Admin, topic: string): Promise<TopicSettings> {
  const { partitions, replicas, effective } = await readTopic(admin, topic);
  const text = (name: string): string => {
    const value = effective.get(name);
    if (value === undefined || value === null) {
      throw new LogUnavailableError('Unreachable', `Kafka did not return ${name} of topic ${topic}`);
    }
    return value;
  };
  return {
    partitions,
    replicas,
    compressionType: text('compression.type'),
    minInSyncReplicas: Number(text('min.insync.replicas')),
    uncleanLeaderElection: text('unclean.leader.election.enable') === 'true',
    cleanupPolicy: text('cleanup.policy'),
    timestampType: text('message.timestamp.type'),
    retentionMs: Number(text('retention.ms')),
    retentionBytes: Number(text('retention.bytes')),
  };
}

interface EnsureOptions {
  readonly admin: Admin;
  readonly settings: KafkaSettings;
  readonly wanted: WantedTopic;
  readonly logger: Logger;
}

async function ensure({ admin, settings, wanted, logger }: EnsureOptions): Promise<EnsureResult> {
  const { topic } = settings;
  const found = await readIfPresent(admin, settings);
  if (found === undefined) {
    if (wanted.isCounted) {
      throw new LogUnavailableError(
        'TopicMissing',
        `topic ${topic} does not exist, but its records were counted. It was not created again: ` +
          'new records would reuse counted offsets. ' +
          'Restore the topic, or create a new SumPipeline with a new schema and topic',
      );
    }
    // If another process created the topic first, `create` returns false. Then check the settings of that topic.
    if (!(await create(admin, topic, wanted))) return ensure({ admin, settings, wanted, logger });
    await untilListed(admin, topic, wanted.partitions);
    logger.info({ topic, partitions: wanted.partitions, replicas: wanted.replicas }, 'created the topic');
    return { created: true, changes: [] };
  }
  const plan = planTopic(topic, found, wanted);
  if (plan.kind === 'conflict') throw new TopicConflictError(plan.message);
  if (plan.changes.length > 0 && !wanted.isCounted && (await holdsRecords(admin, topic))) {
    throw new TopicConflictError(
      `topic ${topic} holds records that this pipeline has not counted, and its settings differ (${plan.changes.join(', ')}). ` +
        'The topic was not changed. Create a new SumPipeline with another topic. If this is the right topic, ' +
        'change its settings yourself, delete the SumPipeline, and create it again with management External',
    );
  }
  try {
    await change(admin, topic, plan);
  } catch (error) {
    if (!isTopicRefused(error)) throw error;
    const message = `Kafka refuses to change topic ${topic} (${plan.changes.join(', ')}): ${messagesOf(error)}`;
    throw new TopicConflictError(message, { cause: error });
  }
  if (plan.changes.length > 0)
    logger.info({ topic, changes: plan.changes }, 'changed the topic to the wanted settings');
  return { created: false, changes: plan.changes };
}

async function change(
  admin: Admin,
  topic: string,
  { growTo, config }: Extract<TopicPlan, { kind: 'change' }>,
): Promise<void> {
  if (growTo !== undefined) {
    await grow(admin, topic, growTo);
    await untilListed(admin, topic, growTo);
  }
  if (config === undefined) return;
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries };
  await admin.alterConfigs({ validateOnly: false, resources: [resource] });
}

/** Adds partitions. If Kafka refuses because another aggregator added them first, ignores the error. */
async function grow(admin: Admin, topic: string, count: number): Promise<void> {
  try {
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
  } catch (error) {
    const { partitions } = await readTopic(admin, topic);
    if (partitions < count) throw error;
  }
}

async function holdsRecords(admin: Admin, topic: string): Promise<boolean> {
  const ranges = await admin.fetchTopicOffsets(topic);
  return ranges.some(({ high }) => high !== '0');
}

/**
 * Waits until Kafka lists that many partitions. Throws LogUnavailableError. The wait is needed because only the
 * controller knows a new topic immediately: a broker may still respond that it does not exist.
 */
async function untilListed(admin: Admin, topic: string, partitions: number): Promise<void> {
  const deadline = performance.now() + listedWithinMs;
  for (;;) {
    const listed = await admin.fetchTopicMetadata({ topics: [topic] }).then(
      ({ topics }) => topics[0]?.partitions.length ?? 0,
      () => 0,
    );
    if (listed >= partitions) return;
    if (performance.now() > deadline) {
      throw new LogUnavailableError(
        'TopicMissing',
        `topic ${topic} has ${partitions} partitions, but Kafka lists only ${listed} of them yet`,
      );
    }
    await pause(50);
  }
}

async function readIfPresent(admin: Admin, settings: KafkaSettings): Promise<FoundTopic | undefined> {
  try {
    return await readTopic(admin, settings.topic);
  } catch (error) {
    const explained = explainKafkaError(error, settings);
    if (explained instanceof LogUnavailableError && explained.reason === 'TopicMissing') return undefined;
    throw error;
  }
}

async function create(admin: Admin, topic: string, wanted: WantedTopic): Promise<boolean> {
  const configEntries = Object.entries(wantedConfig(wanted)).map(([name, value]) => ({ name, value }));
  const { partitions: numPartitions, replicas: replicationFactor } = wanted;
  try {
    return await admin.createTopics({
      // `untilListed` waits instead: kafkajs asks the controller for leaders, which under KRaft may not know them yet.
      waitForLeaders: false,
      topics: [{ topic, numPartitions, replicationFactor, configEntries }],
    });
  } catch (error) {
    if (!isTopicRefused(error)) throw error;
    throw new TopicConflictError(
      `Kafka refuses to create topic ${topic} with ${numPartitions} partitions, ${replicationFactor} replicas and ` +
        `${JSON.stringify(wanted.config)}: ${messagesOf(error)}`,
      { cause: error },
    );
  }
}

/** Returns the messages of all members of an aggregate error: its own message has no details. */
function messagesOf(error: unknown): string {
  const members = error instanceof kafkajs.KafkaJSAggregateError ? error.errors : [error];
  return members.map((member) => (member instanceof Error ? member.message : String(member))).join('; ');
}
