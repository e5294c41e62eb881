import { dispositions } from '#core/disposition.ts';
import { type ErrorCode, errorCatalogue } from '#core/errors.ts';

/**
 * The catalogues of data-plane metrics, one per process. A metric is declared here before use; dashboards, alerts and
 * load tests may name only declared metrics. A label has few values: all values are listed, or what limits their
 * number.
 */

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const perPartition = { boundedBy: 'partitions of the topic' };

/** `ok`, the code of the error that the client got, or one of the two codes for failures of our own. */
export type RequestResult = 'ok' | ErrorCode | 'deadline-exceeded' | 'internal';

const requestResults: readonly RequestResult[] = [
  'ok',
  ...(Object.keys(errorCatalogue) as ErrorCode[]),
  'deadline-exceeded',
  'internal',
];

/** Metrics of calls in both services; `Method` has the names of the methods in the protobuf service. */
function requestMetrics<const Method extends string>(methods: readonly Method[]) {
  return {
    sumpipeline_requests_total: {
      type: 'counter',
      help: 'API requests by method (none: refused before the method was known) and result (ok or an error code).',
      labels: { method: [...methods, 'none'], result: requestResults },
    },
    sumpipeline_request_duration_seconds: {
      type: 'histogram',
      help: 'Time from receiving a request to its response.',
      labels: { method: methods },
      buckets: seconds,
    },
  } as const;
}

/** Metrics of the certificates of connections in both services; `Peer` has the names of the servers. */
function certificateMetrics<const Peer extends string>(peers: readonly Peer[]) {
  return {
    sumpipeline_certificate_expiry_timestamp_seconds: {
      type: 'gauge',
      help:
        'Unix time at which the first certificate for this peer expires: one in the CA file, or one ' +
        'that its servers present. Absent without verified TLS, and while no expiry is known.',
      labels: { peer: peers },
    },
  } as const;
}

/** The part of both catalogues that the shared edge uses. */
export type RequestMetrics = ReturnType<typeof requestMetrics<string>>;

export const calculatorMetrics = {
  ...requestMetrics(['Add']),
  ...certificateMetrics(['kafka']),
  sumpipeline_calculator_queue_additions: {
    type: 'gauge',
    help: 'Additions that wait for a write to Kafka or are being written.',
  },
  sumpipeline_calculator_replayed_total: {
    type: 'counter',
    help: 'Additions acknowledged from memory because this calculator had already acknowledged them.',
  },
  sumpipeline_log_append_duration_seconds: {
    type: 'histogram',
    help: 'Time of one produce call to one partition, to its acknowledgement or failure.',
    labels: { result: ['ok', 'failed'] },
    buckets: seconds,
  },
  sumpipeline_log_append_batch_additions: {
    type: 'histogram',
    help: 'Additions in one produce call.',
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000],
  },
  sumpipeline_log_append_copies_total: {
    type: 'counter',
    help: 'Additions appended again to another partition because the first append got no response.',
  },
  sumpipeline_log_end_offset: {
    type: 'gauge',
    help: 'One past the last offset of a partition, as Kafka reports it; absent when Kafka has not reported it recently.',
    labels: { partition: perPartition },
  },
} as const;

export const aggregatorMetrics = {
  ...requestMetrics(['GetTotal', 'ListTotals', 'GetAddition', 'GetProof']),
  ...certificateMetrics(['kafka', 'postgres']),
  sumpipeline_dispositions_total: {
    type: 'counter',
    help: 'Log records committed by this aggregator, by disposition.',
    labels: { disposition: dispositions },
  },
  sumpipeline_apply_duration_seconds: {
    type: 'histogram',
    help: 'Time of one fenced transaction; result fenced: a newer owner had the partition.',
    labels: { result: ['ok', 'fenced', 'failed'] },
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
    labels: { partition: perPartition },
  },
  sumpipeline_next_offset: {
    type: 'gauge',
    help: 'The offset that this aggregator counts next, by partition that it owns.',
    labels: { partition: perPartition },
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
    help: 'Partitions that the consumer group assigns to this aggregator, claimed or not.',
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
    labels: { partition: perPartition },
  },
  sumpipeline_halted_partitions: { type: 'gauge', help: 'Partitions this aggregator has halted.' },
  sumpipeline_claims_total: {
    type: 'counter',
    help: 'Claims of partitions, by result.',
    labels: { result: ['ok', 'failed'] },
  },
  sumpipeline_parked_records: {
    type: 'gauge',
    help: 'Records that could not be counted and are kept in table parked, in the whole pipeline.',
  },
  sumpipeline_durability_weak: {
    type: 'gauge',
    help: '1 when the settings of the topic can lose acknowledged records, 0 when not; absent while they are not known.',
  },
  sumpipeline_exact: {
    type: 'gauge',
    help: '1 when the proof holds, 0 when it does not; absent while it is not known.',
  },
} as const;

export type CalculatorMetrics = typeof calculatorMetrics;
export type AggregatorMetrics = typeof aggregatorMetrics;
export type DataPlaneMetric = keyof CalculatorMetrics | keyof AggregatorMetrics;
