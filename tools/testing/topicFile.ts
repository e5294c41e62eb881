import { formatTopicSpec } from '#contract/topicSpec.ts';

/** Returns the text of SUMPIPELINE_TOPIC_FILE for a topic on the single broker of the tests. */
export function topicFileText(partitions: number): string {
  return formatTopicSpec({ partitions, replicas: 1, minInSyncReplicas: 1, retentionMs: -1, config: {} });
}
