/**
 * Names of the series that autoscaling uses. The operator writes recording rules with these names, prometheus-adapter
 * serves them as external metrics, the HPA and sumctl read them.
 *
 * Every series has the labels `namespace` and `pipeline`. If the name begins with `sumpipeline:partition_`, the series
 * also has the label `partition`.
 */
export const recordedSeries = {
  /** Log end of a partition: the last offset plus one. */
  partitionLogEnd: 'sumpipeline:partition_log_end:offset',
  /** Next offset of a partition. It is known also while no aggregator runs, because only aggregators move it. */
  partitionNextOffset: 'sumpipeline:partition_next_offset:offset',
  /** Number of aggregators that own a partition now. */
  partitionOwners: 'sumpipeline:partition_owners:count',
  /** Records of a partition that are not counted yet. */
  partitionLag: 'sumpipeline:partition_lag:records',
  /** Records per second that arrive in a partition. */
  partitionIncoming: 'sumpipeline:partition_incoming:rate1m',
  /** 1 for a partition that does not count as load: halted, or owned and not moving. */
  partitionExcluded: 'sumpipeline:partition_excluded:bool',
  /** Replicas that the records that arrive in a partition need. Not a whole number. */
  partitionReplicasForIncoming: 'sumpipeline:partition_replicas:for_incoming',
  /** Replicas that a partition needs, not a whole number. A number above 1 cannot help: a partition has one reader. */
  partitionReplicas: 'sumpipeline:partition_replicas:wanted',
  /** 1 for a partition that needs more than one replica, and far more than the other partitions. */
  partitionHot: 'sumpipeline:partition_hot:bool',
  /** Number of partitions of the topic. */
  partitions: 'sumpipeline:partitions:count',
  /** Sum of the lag of the partitions that count as load. */
  lag: 'sumpipeline:lag:records',
  /** Records per second that arrive in the partitions that count as load. */
  incoming: 'sumpipeline:incoming:rate1m',
  /** Records per second that are counted. */
  counted: 'sumpipeline:counted:rate1m',
  /** Records per second that one busy aggregator counts, measured while enough records waited. */
  capacityMeasured: 'sumpipeline:replica_capacity:rate5m',
  /** The capacity that the rules use: `capacityMeasured`, otherwise its last value, otherwise `capacityHint`. */
  capacity: 'sumpipeline:replica_capacity:records_per_second',
  /** Mean time without counting at a rebalance of the consumer group, in seconds. */
  pause: 'sumpipeline:rebalance_pause:seconds',
  /** Replicas that the records that arrive need. Not a whole number. */
  replicasForIncoming: 'sumpipeline:aggregator_replicas:for_incoming',
  /** Replicas that the lag needs. Not a whole number. */
  replicasForLag: 'sumpipeline:aggregator_replicas:for_lag',
  /** Number of aggregators that the formula gives. `desired` may be the present number of aggregators instead. */
  computed: 'sumpipeline:aggregator_replicas:computed',
  /** 1 if every partition has an owner and every wanted aggregator works, otherwise 0. */
  settled: 'sumpipeline:aggregators_settled:bool',
  /** Records that were counted per second when the wanted number of aggregators last increased. */
  countedBeforeStep: 'sumpipeline:counted_before_step:rate1m',
  /** 1 if the last increase of the aggregators did not increase the throughput: then the database is the limit. */
  ineffective: 'sumpipeline:scaling_ineffective:bool',
  /** The number of aggregators wanted now. If it is not known, the series is absent, and the HPA changes nothing. */
  desired: 'sumpipeline:aggregator_replicas:desired',
  /** Additions of all calculators that wait for a write to Kafka or are being written. */
  inFlight: 'sumpipeline:calculator_in_flight:additions',
  /** Share of the additions of the last five minutes that got a result: see contract/slo.ts. */
  availability: 'sumpipeline:availability:ratio5m',
  /** Share of the additions of the last five minutes that were acknowledged in time. */
  acknowledgedInTime: 'sumpipeline:acknowledged_in_time:ratio5m',
  /** Share of the last five minutes in which the newest counted record was fresh. */
  fresh: 'sumpipeline:fresh:ratio5m',
} as const;

export type RecordedSeries = (typeof recordedSeries)[keyof typeof recordedSeries];

/** Returns the name of a series in the metrics API: `a_b_c` for `a:b:c`, because the name is part of a URL. */
export function externalMetricOf(series: RecordedSeries): string {
  return series.replaceAll(':', '_');
}
