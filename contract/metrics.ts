/**
 * The catalogue of data-plane metrics. A metric is declared here before use; dashboards, alerts and load tests may
 * only name what stands here. Labels come from small closed sets.
 */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export const dataPlaneMetrics = {
  sumpipeline_requests_total: {
    type: 'counter',
    help: 'API requests by method (none: refused before it was known) and result (ok or an error code).',
    labels: ['method', 'result'],
  },
  sumpipeline_request_duration_seconds: {
    type: 'histogram',
    help: 'Time from receiving a request to its answer.',
    labels: ['method'],
    buckets: seconds,
  },
  sumpipeline_calculator_queue_additions: { type: 'gauge', help: 'Additions waiting for or in a write to Kafka.' },
  sumpipeline_calculator_replayed_total: {
    type: 'counter',
    help: 'Additions answered from memory because this calculator had acknowledged them before.',
  },
  sumpipeline_log_append_duration_seconds: {
    type: 'histogram',
    help: 'Time of one produce call to one partition, to its acknowledgement or failure.',
    labels: ['result'],
    buckets: seconds,
  },
  sumpipeline_log_append_batch_additions: {
    type: 'histogram',
    help: 'Additions in one produce call.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
  },
  sumpipeline_log_append_copies_total: {
    type: 'counter',
    help: 'Additions appended again to another partition because the first append had no answer.',
  },
  sumpipeline_log_end_offset: {
    type: 'gauge',
    help: 'One past the last offset of a partition, as Kafka says it; absent when Kafka did not say it lately.',
    labels: ['partition'],
  },
  sumpipeline_dispositions_total: {
    type: 'counter',
    help: 'Log records committed by this aggregator, by disposition.',
    labels: ['disposition'],
  },
  sumpipeline_apply_duration_seconds: {
    type: 'histogram',
    help: 'Time of one fenced transaction.',
    labels: ['result'],
    buckets: seconds,
  },
  sumpipeline_apply_batch_records: {
    type: 'histogram',
    help: 'Records in one fenced transaction.',
    buckets: [1, 10, 50, 100, 250, 500, 1000, 2500, 5000],
  },
  sumpipeline_lag_records: {
    type: 'gauge',
    help: 'logEnd - nextOffset of a partition this aggregator owns.',
    labels: ['partition'],
  },
  sumpipeline_next_offset: {
    type: 'gauge',
    help: 'The offset that this aggregator counts next, by partition that it owns.',
    labels: ['partition'],
  },
  sumpipeline_backlogged_records_total: {
    type: 'counter',
    help: 'Records committed in batches behind which at least one more full batch waited.',
  },
  sumpipeline_backlogged_seconds_total: {
    type: 'counter',
    help: 'Wall time in which at least one such batch was in work; records over seconds is the capacity of a replica.',
  },
  sumpipeline_freshness_seconds: { type: 'gauge', help: 'Age of the newest applied record at its commit.' },
  sumpipeline_assigned_partitions: {
    type: 'gauge',
    help: 'Partitions that the consumer group gives to this aggregator, claimed or not.',
  },
  sumpipeline_rebalance_duration_seconds: {
    type: 'histogram',
    help: 'Time without counting: from the end of an assignment until every partition of the next one is claimed.',
    buckets: seconds,
  },
  sumpipeline_owned_partitions: { type: 'gauge', help: 'Partitions this aggregator has claimed.' },
  sumpipeline_partition_halted: {
    type: 'gauge',
    help: '1 for a partition that this aggregator has halted; absent otherwise.',
    labels: ['partition'],
  },
  sumpipeline_halted_partitions: { type: 'gauge', help: 'Partitions this aggregator has halted.' },
  sumpipeline_claims_total: { type: 'counter', help: 'Claims of partitions, by result.', labels: ['result'] },
  sumpipeline_exact: {
    type: 'gauge',
    help: '1 when the proof holds, 0 when it does not; absent while it is not known.',
  },
} as const satisfies Record<string, MetricDeclaration>;

export type DataPlaneMetric = keyof typeof dataPlaneMetrics;
