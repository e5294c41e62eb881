import { z } from 'zod';
import { formatJsonFile, parseJsonFile } from './jsonFile.ts';

/**
 * The wanted topic, for pipelines in which the aggregators create the topic. The operator mounts it as a JSON file.
 */
const topicSpecSchema = z.object({
  /** Number of partitions. It can only grow: Kafka cannot remove partitions. */
  partitions: z.int().min(1).max(1024),
  /** Replication factor for a new topic. An existing topic with fewer replicas is reported as weak, not refused. */
  replicas: z.int().min(1).max(32767),
  minInSyncReplicas: z.int().min(1).max(32767),
  /** Milliseconds. -1 keeps records forever. */
  retentionMs: z.union([z.literal(-1), z.int().min(60_000)]),
  /** Further settings by their names in Kafka. They cannot weaken settings on which exactness depends. */
  config: z.record(z.string(), z.string()),
});

export type TopicSpec = Readonly<z.infer<typeof topicSpecSchema>>;

export function formatTopicSpec(spec: TopicSpec): string {
  return formatJsonFile(spec);
}

/** Parses the JSON file. Throws an Error that names the wrong field. */
export function parseTopicSpec(text: string): TopicSpec {
  return parseJsonFile(topicSpecSchema, text);
}
