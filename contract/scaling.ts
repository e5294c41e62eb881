/**
 * What the parts of autoscaling agree on: the operator writes recording rules under these names, prometheus-adapter
 * serves them as external metrics, the HPA and sumctl read them.
 *
 * Every recorded series carries the labels `namespace` and `pipeline`; those that begin with `partition_` also carry
 * `partition`.
 */
export const recordedSeries = {
  /** One past the last offset of a partition. */
  partitionLogEnd: 'sumpipeline:partition_log_end:offset',
  /** The offset that is counted next, also while no aggregator runs: only an aggregator moves it. */
  partitionNextOffset: 'sumpipeline:partition_next_offset:offset',
  /** Aggregators that own a partition now. */
  partitionOwners: 'sumpipeline:partition_owners:count',
  /** Records of a partition that are not counted yet. */
  partitionLag: 'sumpipeline:partition_lag:records',
  /** Records per second that arrive in a partition. */
  partitionIncoming: 'sumpipeline:partition_incoming:rate1m',
  /** 1 for a partition that does not count as load: halted, or owned and not moving. */
  partitionExcluded: 'sumpipeline:partition_excluded:bool',
  /** Replicas needed for the records that arrive in a partition, a fraction. */
  partitionReplicasForIncoming: 'sumpipeline:partition_replicas:for_incoming',
  /** Replicas that a partition needs, a fraction; more than 1 is impossible, because a partition has one reader. */
  partitionReplicas: 'sumpipeline:partition_replicas:wanted',
  /** 1 for a partition that needs more than the one replica it can have, and far more than the other partitions. */
  partitionHot: 'sumpipeline:partition_hot:bool',
  /** Partitions that Kafka lists. */
  partitions: 'sumpipeline:partitions:count',
  /** Sum of the lag of the partitions that count as load. */
  lag: 'sumpipeline:lag:records',
  /** Records per second that arrive in them. */
  incoming: 'sumpipeline:incoming:rate1m',
  /** Records per second that are counted. */
  counted: 'sumpipeline:counted:rate1m',
  /** Records per second that one busy aggregator counts, measured while enough of a backlog waited. */
  capacityMeasured: 'sumpipeline:replica_capacity:rate5m',
  /** The capacity in use: the measured one, else the last measured one, else the hint. */
  capacity: 'sumpipeline:replica_capacity:records_per_second',
  /** Mean time without counting at a change of the group. */
  pause: 'sumpipeline:rebalance_pause:seconds',
  /** Replicas needed for the records that arrive, a fraction. */
  replicasForIncoming: 'sumpipeline:aggregator_replicas:for_incoming',
  /** Replicas needed for the lag, a fraction. */
  replicasForLag: 'sumpipeline:aggregator_replicas:for_lag',
  /** Result of the formula, before any hold. */
  computed: 'sumpipeline:aggregator_replicas:computed',
  /** 1 when every partition is owned and every aggregator that was wanted is at work; else 0. */
  settled: 'sumpipeline:aggregators_settled:bool',
  /** Records counted per second when the wanted number was raised last. */
  countedBeforeStep: 'sumpipeline:counted_before_step:rate1m',
  /** 1 when the last step up did not increase the throughput: the database is the limit. */
  ineffective: 'sumpipeline:scaling_ineffective:bool',
  /** The number of aggregators wanted now. Absent when it is not known: the HPA then holds. */
  desired: 'sumpipeline:aggregator_replicas:desired',
  /** Additions that wait for a write to Kafka or are being written, over all calculators. */
  inFlight: 'sumpipeline:calculator_in_flight:additions',
  /** Share of additions that were answered within five minutes: see contract/slo.ts. */
  availability: 'sumpipeline:availability:ratio5m',
  /** Share of additions that were acknowledged in time. */
  acknowledgedInTime: 'sumpipeline:acknowledged_in_time:ratio5m',
  /** Share of the last five minutes in which the newest record counted was fresh. */
  fresh: 'sumpipeline:fresh:ratio5m',
} as const;

export type RecordedSeries = (typeof recordedSeries)[keyof typeof recordedSeries];

/** The name under which the metrics API serves a recorded series: `a:b:c` as `a_b_c`, because of URLs. */
export function externalMetricOf(series: RecordedSeries): string {
  return series.replaceAll(':', '_');
}
