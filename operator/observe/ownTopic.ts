import type { ChildHealth } from './health.ts';

export interface OwnTopic {
  readonly topic: string;
  /** Number of partitions in the spec. */
  readonly wanted: number;
  /** Number of partitions that the aggregators reported; undefined before the first report. */
  readonly found: number | undefined;
}

/**
 * Returns the health of a topic that the aggregators create and grow. It reports only that partitions are still
 * missing: errors are in the verdicts of the aggregators. Undefined means that there is nothing to report.
 */
export function observeOwnTopic({ topic, wanted, found }: OwnTopic): ChildHealth | undefined {
  if (found === undefined || found >= wanted) return undefined;
  const message =
    `topic ${topic} has ${found} ${found === 1 ? 'partition' : 'partitions'}, and ${wanted} are wanted: ` +
    'an aggregator adds the missing partitions after the kubelet has updated its files, within about two minutes';
  return { state: 'progressing', reason: 'TopicGrowing', message };
}
