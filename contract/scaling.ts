/**
 * What the parts of autoscaling agree on: the operator writes recording rules under these names, prometheus-adapter
 * serves them as external metrics, the HPA and sumctl read them.
 *
 * Every recorded series carries the labels `namespace` and `pipeline`, and no others unless it says so.
 */
export const recordedSeries = {
  /** Records not counted yet, by `partition`; halted partitions are left out. */
  partitionLag: 'sumpipeline:partition_lag:records',
  /** Sum over the partitions that count as load. */
  lag: 'sumpipeline:lag:records',
  /** Records per second that arrive in the log. */
  incoming: 'sumpipeline:incoming:rate1m',
  /** Records per second that one busy aggregator counts: measured, else the last measured, else the hint. */
  capacity: 'sumpipeline:replica_capacity:records_per_second',
  /** Replicas that the lag asks for, a fraction. */
  replicasForLag: 'sumpipeline:aggregator_replicas:for_lag',
  /** Replicas that the incoming rate asks for, a fraction. */
  replicasForIncoming: 'sumpipeline:aggregator_replicas:for_incoming',
  /** Partitions that Kafka lists. */
  partitions: 'sumpipeline:partitions:count',
  /** The number of aggregators wanted now. Absent when it is not known: the HPA then holds. */
  desired: 'sumpipeline:aggregator_replicas:desired',
  /** Additions waiting for or in a write to Kafka, over all calculators. */
  inFlight: 'sumpipeline:calculator_in_flight:additions',
} as const;

export type RecordedSeries = (typeof recordedSeries)[keyof typeof recordedSeries];

/** The name under which the metrics API serves a recorded series: `a:b:c` as `a_b_c`, because of URLs. */
export function externalMetricOf(series: RecordedSeries): string {
  return series.replaceAll(':', '_');
}
