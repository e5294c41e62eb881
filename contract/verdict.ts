import { z } from 'zod';
import { countedLogSchema } from './countedLog.ts';
import { parseJsonFile } from './jsonFile.ts';

/**
 * What one aggregator pod reports about its pipeline, under its pod name in ConfigMap `<name>-proof`.
 * Written when it starts, when the verdict flips, and when the written verdict was deleted; never periodically.
 */
const healthSchema = z.object({
  ok: z.boolean(),
  /** One CamelCase word; `Unknown`: not checked yet, so the verdict says nothing. */
  reason: z.string().max(128),
  /** What was seen, and what to do next. */
  message: z.string().max(2048),
});

const partitionProblemSchema = z.object({
  partition: z.number().int().nonnegative(),
  reason: z.string().max(128),
  message: z.string().max(2048),
});

export const verdictSchema = z.object({
  /** RFC 3339. */
  at: z.string().max(64),
  /** null: not known yet (the first recount has not ended, or the store cannot be read). */
  exact: z.boolean().nullable(),
  reason: z.string().max(128),
  message: z.string().max(2048),
  kafka: healthSchema,
  store: healthSchema,
  durability: healthSchema,
  halts: z.array(partitionProblemSchema).max(64),
  /** Partitions that have records and do not move; absent from aggregators before this field. */
  stuck: z.array(partitionProblemSchema).max(64).optional(),
  drained: z.boolean(),
  /** Partitions of the topic; absent while it was not read, and from aggregators before this field. */
  partitions: z.number().int().positive().optional(),
  /** The log that the ledger counts; absent while the ledger has no log, and from aggregators before this field. */
  log: countedLogSchema.optional(),
});

export type Health = z.infer<typeof healthSchema>;
export type Verdict = z.infer<typeof verdictSchema>;

/** Parses one value of the ConfigMap; returns a problem and does not throw, because users may edit the ConfigMap. */
export function parseVerdict(text: string): { ok: true; value: Verdict } | { ok: false; problem: string } {
  try {
    return { ok: true, value: parseJsonFile(verdictSchema, text) };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

const configMapSchema = z.looseObject({ data: z.record(z.string(), z.string()).optional() });

/** The value under one key of a ConfigMap, as the API server sent it. Throws if the object is not a ConfigMap. */
export function readConfigMapValue(text: string, key: string): string | undefined {
  return configMapSchema.parse(JSON.parse(text)).data?.[key];
}
