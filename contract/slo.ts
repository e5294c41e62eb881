/**
 * The service level objectives, written once: recording rules measure them, load tests judge by them. No imports, so
 * that k6 can load this file too.
 */
export const slos = {
  /**
   * Additions that get a result: acknowledged, or refused as invalid. "retry" and no response do not count as a result.
   */
  availability: { objective: 0.999 },
  /** Time from an addition's arrival to its acknowledgement, which is one write to every replica in sync. */
  acknowledgement: { quantile: 0.99, withinMs: 250 },
  /** Time from an addition's place in the log to the total that counts it, while the aggregators keep up. */
  freshness: { quantile: 0.99, withinMs: 5_000 },
} as const;
