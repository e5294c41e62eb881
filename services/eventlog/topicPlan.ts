import type { WantedTopic } from './port.ts';

/** Settings that durability needs and that `config` cannot override, by Kafka's names. */
const fixedConfig = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
  // kafkajs itself reads only gzip. A broker that packs acknowledged records with zstd would make them unreadable.
  'compression.type': 'producer',
} as const;

/** All settings that the pipeline sets on its topic. */
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
  /** Only the settings that were set on the topic itself. */
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
 * What to do about an existing topic. Partitions are added; more than wanted is fine, because partitions cannot be
 * removed. Differing settings are changed, and other settings on the topic stay. A compacted topic is a conflict: it
 * may have lost records already, and it probably belongs to another application.
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
    // Kafka replaces all settings of a topic at once: a missing setting would fall back to the broker's default.
    config: differing.length === 0 ? undefined : { ...Object.fromEntries(found.overrides), ...target },
    changes: [
      ...(growTo === undefined ? [] : [`partitions ${found.partitions} -> ${growTo}`]),
      ...differing.map(([name, value]) => `${name} ${found.effective.get(name) ?? 'unknown'} -> ${value}`),
    ],
  };
}
