import { z } from 'zod';

/**
 * The result of an audit is one JSON document. Large whole numbers are text, as everywhere in the API. `sumctl` reads
 * the document from the program output of the Job, and the two may have different versions. So fields may be added, but
 * never renamed.
 */
const wholeText = z.string().regex(/^\d+$/);

const rangeSchema = z.object({
  logEpoch: z.number(),
  partition: z.number(),
  fromOffset: wholeText,
  /** The last offset in the range. */
  toOffset: wholeText,
  /** Number of ledger rows in the range. They were not compared with the log. */
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
  /** `incomplete` means that no difference was found, but some offsets could not be checked. */
  verdict: z.enum(['exact', 'notExact', 'incomplete']),
  message: z.string(),
  startedAt: z.string(),
  seconds: z.number(),
  partitions: z.array(
    z.object({
      logEpoch: z.number(),
      partition: z.number(),
      firstOffset: wholeText,
      /** The last offset that was compared with the log, plus one. */
      comparedTo: wholeText,
      nextOffset: wholeText,
      applied: wholeText,
      duplicate: wholeText,
      conflict: wholeText,
      parked: wholeText,
      /** Number of offsets without a row and without a readable record. They can only be copies or expired records. */
      unknown: wholeText,
    }),
  ),
  /** Number of findings by kind. Only the first findings of each kind are listed. */
  counts: z.record(z.string(), z.number()),
  findings: z.array(findingSchema),
  /** Series in which log and ledger differ. `difference` is the sum of the log minus the sum of the ledger. */
  series: z.array(
    z.object({
      series: z.string(),
      notCounted: z.object({ records: wholeText, sum: z.string() }),
      notInLog: z.object({ rows: wholeText, sum: z.string() }),
      difference: z.string(),
    }),
  ),
  /** Number of differing records and rows of series that `series` does not list, because the list is full. */
  seriesRecordsNotListed: z.number(),
  /**
   * Ranges that are no longer in the log: retention removed them, or the log is closed. They do not affect the
   * verdict.
   */
  removed: z.array(rangeSchema),
  /** Ranges that could not be read. */
  notChecked: z.array(rangeSchema),
  /** Number of ranges that `removed` and `notChecked` do not list, because the lists are full. */
  rangesNotListed: z.number(),
});

export type AuditResult = z.output<typeof auditResultSchema>;

/** Exit codes of `sumpipeline audit`. They are the same as those of sumctl (ADR 0062). */
export const verdictExitCodes = { exact: 0, notExact: 1, incomplete: 3 } as const satisfies Record<
  AuditResult['verdict'],
  number
>;
