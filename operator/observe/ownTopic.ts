import type { ChildHealth } from './health.ts';

export interface OwnTopic {
  readonly topic: string;
  /** Partitions that are wanted. */
  readonly wanted: number;
  /** Partitions that the aggregators saw; undefined until one has looked. */
  readonly found: number | undefined;
}

/** Health of a topic that the aggregators make and grow. Their failures are in their verdicts. */
export function observeOwnTopic({ topic, wanted, found }: OwnTopic): ChildHealth | undefined {
  if (found === undefined || found >= wanted) return undefined;
  const message =
    `topic ${topic} has ${found} ${found === 1 ? 'partition' : 'partitions'}, and ${wanted} are wanted: ` +
    'an aggregator adds the missing partitions after the kubelet has updated its files, within about two minutes';
  return { state: 'progressing', reason: 'TopicGrowing', message };
}
