import { z } from 'zod';
import { formatJsonFile, parseJsonFile } from './jsonFile.ts';

/**
 * The log that the ledger counts, by Kafka's own names. Aggregators report this log in their verdicts; the operator
 * gives it to the calculators as a JSON file.
 */
export const countedLogSchema = z.object({
  /** Which log of this pipeline, counted from 1. */
  epoch: z.int().min(1),
  topic: z.string().min(1).max(249),
  clusterId: z.string().min(1).max(256),
  topicId: z.string().min(1).max(256),
});

export type CountedLog = Readonly<z.infer<typeof countedLogSchema>>;

export function formatCountedLog(log: CountedLog): string {
  return formatJsonFile(log);
}

/** Throws an Error that names the field. */
export function parseCountedLog(text: string): CountedLog {
  return parseJsonFile(countedLogSchema, text);
}
