import { z } from 'zod';
import { formatJsonFile, parseJsonFile } from './jsonFile.ts';

/**
 * The topic that a pipeline wants, where the aggregators make it: a file in JSON that the operator mounts into their
 * pods.
 */
const topicSpecSchema = z.object({
  /** Can only grow: Kafka cannot remove partitions. */
  partitions: z.int().min(1).max(1024),
  /** Used when the topic is created. An existing topic with fewer replicas is reported as weak, not refused. */
  replicas: z.int().min(1).max(32767),
  minInSyncReplicas: z.int().min(1).max(32767),
  /** Milliseconds; -1 keeps records forever. */
  retentionMs: z.union([z.literal(-1), z.int().min(60_000)]),
  /** Further settings by Kafka's names. Settings that exactness depends on cannot be weakened here. */
  config: z.record(z.string(), z.string()),
});

export type TopicSpec = Readonly<z.infer<typeof topicSpecSchema>>;

export function formatTopicSpec(spec: TopicSpec): string {
  return formatJsonFile(spec);
}

/** Throws an Error that names the field. */
export function parseTopicSpec(text: string): TopicSpec {
  return parseJsonFile(topicSpecSchema, text);
}
