/**
 * The service level objectives. Recording rules measure them, and load tests check them. This file has no imports, so
 * that k6 can load it.
 */
export const slos = {
  /**
   * Share of the additions that get a result: acknowledged, or refused as invalid. A response that
   * requests a retry is not a result.
   */
  availability: { objective: 0.999 },
  /** Time from the arrival of an addition to its acknowledgement, which comes after every in-sync replica has it. */
  acknowledgement: { quantile: 0.99, withinMs: 250 },
  /** Time from the append of an addition to the log until the total has it, while there is no backlog. */
  freshness: { quantile: 0.99, withinMs: 5_000 },
} as const;
