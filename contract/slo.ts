/**
 * The objectives of the service, once: load tests take their thresholds from here, alerts theirs. They hold for a pipeline
 * within its capacity; while aggregators are added, freshness may be late for as long as the drain takes.
 */
export const slos = {
  /** Share of additions that get an answer other than outcome-unknown, unavailable or queue-full. */
  availability: { objective: 0.999 },
  /** Time from the request to its answer: durable in Kafka. Ten times the p99 of one busy calculator. */
  acknowledgement: { quantile: 0.99, withinMs: 250 },
  /** Age of an addition when it is counted: what a reader of totals sees as delay. */
  freshness: { quantile: 0.99, withinMs: 5000 },
} as const;
