import { z } from 'zod';

/**
 * The result of an audit: one JSON document. Large whole numbers are text, as everywhere in the API. `sumctl` reads the
 * document from the log of the Job, so it is a contract between versions: fields may be added but never renamed.
 */
const wholeText = z.string().regex(/^\d+$/);

const rangeSchema = z.object({
  logEpoch: z.number(),
  partition: z.number(),
  fromOffset: wholeText,
  /** The last offset in the range. */
  toOffset: wholeText,
  /** Rows of the ledger in the range; they were not compared with the log. */
  rows: wholeText,
  reason: z.string(),
});

const findingSchema = z.object({
  kind: z.string(),
  logEpoch: z.number().optional(),
  partition: z.number().optional(),
  offset: wholeText.optional(),
  series: z.string().optional(),
  message: z.string(),
});

export const auditResultSchema = z.object({
  pipeline: z.string(),
  /** `incomplete`: no difference was found, but some offsets could not be checked. */
  verdict: z.enum(['exact', 'notExact', 'incomplete']),
  message: z.string(),
  startedAt: z.string(),
  seconds: z.number(),
  partitions: z.array(
    z.object({
      logEpoch: z.number(),
      partition: z.number(),
      firstOffset: wholeText,
      /** One past the last offset that was compared with the log. */
      comparedTo: wholeText,
      nextOffset: wholeText,
      applied: wholeText,
      duplicate: wholeText,
      conflict: wholeText,
      parked: wholeText,
      /** Offsets without a row whose record could not be read: copies, according to the books. */
      unknown: wholeText,
    }),
  ),
  /** Number of findings by kind; only the first findings of each kind are listed. */
  counts: z.record(z.string(), z.number()),
  findings: z.array(findingSchema),
  /** Series in which log and ledger differ. `difference`: the sum of the log minus the sum of the ledger. */
  series: z.array(
    z.object({
      series: z.string(),
      notCounted: z.object({ records: wholeText, sum: z.string() }),
      notInLog: z.object({ rows: wholeText, sum: z.string() }),
      difference: z.string(),
    }),
  ),
  /** Differing records and rows of series that are not in the list above. */
  seriesRecordsNotListed: z.number(),
  /** Ranges that the log no longer holds, by retention or because a log is closed. They do not affect the verdict. */
  removed: z.array(rangeSchema),
  /** Ranges that could not be read. */
  notChecked: z.array(rangeSchema),
  /** Number of ranges that are not in the lists above. */
  rangesNotListed: z.number(),
});

export type AuditResult = z.output<typeof auditResultSchema>;

/** Exit codes of `sumpipeline audit`, the same as sumctl's (ADR 0062). */
export const verdictExitCodes = { exact: 0, notExact: 1, incomplete: 3 } as const satisfies Record<
  AuditResult['verdict'],
  number
>;
