import { formatTopicSpec } from '#contract/topicSpec.ts';

/** What SUMPIPELINE_TOPIC_FILE holds for a topic on the one broker of tests. */
export function topicFileText(partitions: number): string {
  return formatTopicSpec({ partitions, replicas: 1, minInSyncReplicas: 1, retentionMs: -1, config: {} });
}
