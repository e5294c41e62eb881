import { z } from 'zod';
import { formatJsonFile, parseJsonFile } from './jsonFile.ts';

/**
 * The log that the ledger counts, identified by Kafka's ids. Aggregators report it in their verdicts. The operator
 * gives it to the calculators as a JSON file.
 */
export const countedLogSchema = z.object({
  /** Log epoch: the number of the log within the pipeline, from 1. */
  epoch: z.int().min(1),
  topic: z.string().min(1).max(249),
  clusterId: z.string().min(1).max(256),
  topicId: z.string().min(1).max(256),
});

export type CountedLog = Readonly<z.infer<typeof countedLogSchema>>;

export function formatCountedLog(log: CountedLog): string {
  return formatJsonFile(log);
}

/** Parses the JSON file. Throws an Error that names the wrong field. */
export function parseCountedLog(text: string): CountedLog {
  return parseJsonFile(countedLogSchema, text);
}
