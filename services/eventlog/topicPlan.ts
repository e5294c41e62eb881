import type { WantedTopic } from './port.ts';

/** What the promise needs and no `config` may weaken, by Kafka's names. */
const fixedConfig = {
  'cleanup.policy': 'delete',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
  // Our client reads gzip at most: a broker that packs records with zstd makes them unreadable, acknowledged or not.
  'compression.type': 'producer',
} as const;

/** The settings that a topic of ours has. */
export function wantedConfig(wanted: WantedTopic): Record<string, string> {
  return {
    'retention.bytes': '-1',
    ...wanted.config,
    ...fixedConfig,
    'min.insync.replicas': String(wanted.minInSyncReplicas),
    'retention.ms': String(wanted.retentionMs),
  };
}

/** A topic as it was found. */
export interface FoundTopic {
  readonly partitions: number;
  /** Effective settings by Kafka's names. */
  readonly effective: ReadonlyMap<string, string>;
  /** Those of them that were set on the topic itself. */
  readonly overrides: ReadonlyMap<string, string>;
}

export type TopicPlan =
  | {
      readonly kind: 'change';
      readonly growTo: number | undefined;
      /** All settings that the topic is to carry; undefined when they are right. */
      readonly config: Readonly<Record<string, string>> | undefined;
      readonly changes: readonly string[];
    }
  | { readonly kind: 'conflict'; readonly message: string };

/**
 * What to do about a topic that exists. Partitions grow (more than wanted is fine: somebody grew it, and they cannot be
 * taken away), settings are brought to what is wanted, and settings that others put on the topic stay. A topic that
 * compacts is a conflict: it may have lost records already, and it is probably somebody's.
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
    // Kafka replaces all settings of a topic at once: what is not named would fall back to the broker's default.
    config: differing.length === 0 ? undefined : { ...Object.fromEntries(found.overrides), ...target },
    changes: [
      ...(growTo === undefined ? [] : [`partitions ${found.partitions} -> ${growTo}`]),
      ...differing.map(([name, value]) => `${name} ${found.effective.get(name) ?? 'unknown'} -> ${value}`),
    ],
  };
}
