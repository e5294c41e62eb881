import type { TopicSettings, WantedTopic } from './port.ts';

/** What the promise needs and no `config` may weaken, by Kafka's names. */
const fixedConfig = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
} as const;

/** The settings a topic is created with. */
export function wantedConfig(wanted: WantedTopic): Record<string, string> {
  return {
    'retention.bytes': '-1',
    ...wanted.config,
    ...fixedConfig,
    'min.insync.replicas': String(wanted.minInSyncReplicas),
    'retention.ms': String(wanted.retentionMs ?? -1),
  };
}

export type TopicPlan =
  | { readonly kind: 'change'; readonly growTo: number | undefined; readonly changes: readonly string[] }
  | { readonly kind: 'conflict'; readonly message: string };

/**
 * What to do about a topic that exists. Partitions grow. Other settings are never rewritten: the topic may have been
 * made by somebody on purpose, and kafkajs could only replace all of them at once, dropping those it does not name.
 * What merely weakens durability is left to the durability verdict; what makes counting impossible is a conflict.
 */
export function planTopic(topic: string, found: TopicSettings, wanted: WantedTopic): TopicPlan {
  const problems: string[] = [];
  if (found.partitions > wanted.partitions) {
    problems.push(
      `it has ${found.partitions} partitions, more than the ${wanted.partitions} wanted, and partitions cannot be taken away`,
    );
  }
  if (found.cleanupPolicy !== fixedConfig['cleanup.policy']) {
    problems.push(
      `cleanup.policy is ${found.cleanupPolicy}, which removes records that were not counted; it must be delete`,
    );
  }
  if (found.timestampType !== fixedConfig['message.timestamp.type']) {
    problems.push(`message.timestamp.type is ${found.timestampType}; it must be LogAppendTime`);
  }
  if (problems.length > 0) {
    return {
      kind: 'conflict',
      message: `topic ${topic} exists and cannot be used: ${problems.join('; ')}. Change it with kafka-configs, or name another topic`,
    };
  }
  const growTo = found.partitions < wanted.partitions ? wanted.partitions : undefined;
  const changes = growTo === undefined ? [] : [`partitions ${found.partitions} -> ${growTo}`];
  return { kind: 'change', growTo, changes };
}
