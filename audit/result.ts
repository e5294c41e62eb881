import { z } from 'zod';

/**
 * The answer of an audit: one JSON document. Whole numbers that can be large are text, as everywhere in our API. `sumctl`
 * reads it from the log of the Job, so it is a contract between versions: fields are added, none is renamed.
 */
const wholeText = z.string().regex(/^\d+$/);

const rangeSchema = z.object({
  logEpoch: z.number(),
  partition: z.number(),
  fromOffset: wholeText,
  /** The last one in it. */
  toOffset: wholeText,
  /** Rows of the ledger in it, which were not compared with the log. */
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
  /** `incomplete`: nothing wrong was found, but not everything could be checked. */
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
      /** Offsets without a row whose record could not be read: copies, by the books. */
      unknown: wholeText,
    }),
  ),
  /** Number of findings by kind; of each kind the first ones are listed. */
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
  /** Records and rows that differ in series beyond the bound of the list above. */
  seriesRecordsNotListed: z.number(),
  /** Ranges that the log does not hold any more, by retention or because a log is closed. They do not touch the verdict. */
  removed: z.array(rangeSchema),
  /** Ranges that could not be read. */
  notChecked: z.array(rangeSchema),
  /** Ranges beyond the bound of the lists above. */
  rangesNotListed: z.number(),
});

export type AuditResult = z.output<typeof auditResultSchema>;

/** Exit codes of `sumpipeline audit`, as sumctl has them (ADR 0062). */
export const verdictExitCodes = { exact: 0, notExact: 1, incomplete: 3 } as const satisfies Record<
  AuditResult['verdict'],
  number
>;
