import { z } from 'zod';
import { countedLogSchema } from './countedLog.ts';
import { parseJsonFile } from './jsonFile.ts';

/**
 * One part of a verdict. A verdict is the report of one aggregator pod about its pipeline. It is in ConfigMap
 * `<name>-proof`, with the pod's name as key. The pod writes it at its start, when the verdict changes, and when the
 * written verdict was deleted.
 */
const healthSchema = z.object({
  ok: z.boolean(),
  /** One CamelCase word. `Unknown` means that the pod has not checked yet. */
  reason: z.string().max(128),
  /** What happened, and what to do next. */
  message: z.string().max(2048),
});

const partitionProblemSchema = z.object({
  partition: z.number().int().nonnegative(),
  reason: z.string().max(128),
  message: z.string().max(2048),
});

export const verdictSchema = z.object({
  /** Time of the report, as in RFC 3339. */
  at: z.string().max(64),
  /** null means not known yet: the first recount has not ended, or PostgreSQL cannot be read. */
  exact: z.boolean().nullable(),
  reason: z.string().max(128),
  message: z.string().max(2048),
  kafka: healthSchema,
  store: healthSchema,
  durability: healthSchema,
  halts: z.array(partitionProblemSchema).max(64),
  /** Partitions that have lag and do not move. Absent in verdicts of older aggregators. */
  stuck: z.array(partitionProblemSchema).max(64).optional(),
  drained: z.boolean(),
  /** Number of partitions of the topic. Absent until the topic was read, and in verdicts of older aggregators. */
  partitions: z.number().int().positive().optional(),
  /** The log that the ledger counts. Absent while the ledger has no log, and in verdicts of older aggregators. */
  log: countedLogSchema.optional(),
});

export type Health = z.infer<typeof healthSchema>;
export type Verdict = z.infer<typeof verdictSchema>;

/** Parses one value of the ConfigMap. Returns a problem instead of throwing, because users may edit the ConfigMap. */
export function parseVerdict(text: string): { ok: true; value: Verdict } | { ok: false; problem: string } {
  try {
    return { ok: true, value: parseJsonFile(verdictSchema, text) };
  } catch (error) {
    return { ok: false, problem: error instanceof Error ? error.message : String(error) };
  }
}

const configMapSchema = z.looseObject({ data: z.record(z.string(), z.string()).optional() });

/** Returns the value of a key, or undefined. `text` is a ConfigMap in JSON. Throws if `text` is anything else. */
export function readConfigMapValue(text: string, key: string): string | undefined {
  return configMapSchema.parse(JSON.parse(text)).data?.[key];
}
