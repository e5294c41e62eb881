import type { WantedTopic } from './port.ts';

/**
 * Settings that the pipeline always sets on its topic, by Kafka's names. `config` of the topic cannot override them.
 */
const fixedConfig = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
  // Records are small and differ from each other: compressing them costs the brokers more than it saves (ADR 0014).
  'compression.type': 'producer',
} as const;

/** Returns all settings that the pipeline sets on its topic, by Kafka's names. */
export function wantedConfig(wanted: WantedTopic): Record<string, string> {
  return {
    'retention.bytes': '-1',
    ...wanted.config,
    ...fixedConfig,
    'min.insync.replicas': String(wanted.minInSyncReplicas),
    'retention.ms': String(wanted.retentionMs),
  };
}

/** The state of an existing topic. */
export interface FoundTopic {
  readonly partitions: number;
  /** Effective settings by Kafka's names. */
  readonly effective: ReadonlyMap<string, string>;
  /** Settings that were set on the topic itself, without the defaults of the brokers. */
  readonly overrides: ReadonlyMap<string, string>;
}

export type TopicPlan =
  | {
      readonly kind: 'change';
      readonly growTo: number | undefined;
      /** All settings that the topic must have; undefined if nothing differs. */
      readonly config: Readonly<Record<string, string>> | undefined;
      readonly changes: readonly string[];
    }
  | { readonly kind: 'conflict'; readonly message: string };

/**
 * Plans what to do about an existing topic:
 *   partitions   added if there are too few; more are accepted, because partitions cannot be removed
 *   settings     changed if they differ; other settings of the topic are kept
 *   compaction   a conflict: the topic may have lost records, and probably belongs to another application
 */
export function planTopic(topic: string, found: FoundTopic, wanted: WantedTopic): TopicPlan {
  const policy = found.effective.get('cleanup.policy');
  if (policy !== fixedConfig['cleanup.policy']) {
    return {
      kind: 'conflict',
      message:
        `topic ${topic} exists with cleanup.policy ${policy}, which removes records before they are counted: ` +
        'use another topic, or set cleanup.policy to delete if this topic is yours and empty',
    };
  }
  const target = wantedConfig(wanted);
  const differing = Object.entries(target).filter(([name, value]) => found.effective.get(name) !== value);
  const growTo = found.partitions < wanted.partitions ? wanted.partitions : undefined;
  return {
    kind: 'change',
    growTo,
    // Repeat the other settings: Kafka replaces all settings, and a missing setting would get the broker's default.
    config: differing.length === 0 ? undefined : { ...Object.fromEntries(found.overrides), ...target },
    changes: [
      ...(growTo === undefined ? [] : [`partitions ${found.partitions} -> ${growTo}`]),
      ...differing.map(([name, value]) => `${name} ${found.effective.get(name) ?? 'unknown'} -> ${value}`),
    ],
  };
}
