import { certificateDaysMin } from '#operator/desired/alertRules.ts';
import { buildDashboard, graph, type RowOptions, stat } from './panels.ts';
import { mean, ofPipeline as of, pipelineVariables, quantile, rate } from './queries.ts';

const kafka: RowOptions = {
  title: 'Kafka',
  panels: [
    graph({
      title: 'Time of an append',
      description: 'One write to one partition, to its acknowledgement by all replicas in sync.',
      unit: 's',
      queries: Object.fromEntries(
        [0.5, 0.99].map((q) => [
          `p${q * 100}`,
          quantile(q, of('sumpipeline_log_append_duration_seconds_bucket', 'result="ok"')),
        ]),
      ),
    }),
    graph({
      title: 'Appends by result',
      description: 'A failed append got no response, or Kafka refused it. Its additions are appended again.',
      unit: 'ops',
      queries: { '{{result}}': rate(of('sumpipeline_log_append_duration_seconds_count'), 'result') },
    }),
    graph({
      title: 'Additions per append',
      description: 'Additions that arrive together go in one append.',
      unit: 'none',
      queries: {
        mean: mean(
          of('sumpipeline_log_append_batch_additions_sum'),
          of('sumpipeline_log_append_batch_additions_count'),
        ),
      },
    }),
    graph({
      title: 'Growth of the log',
      description:
        'Records per second by partition. If one partition grows far more than others, another producer writes to it.',
      unit: 'ops',
      queries: { '{{partition}}': `max by (partition) (rate(${of('sumpipeline_log_end_offset')}[$__rate_interval]))` },
    }),
    graph({
      title: 'Partitions whose end is known',
      description: 'If the topic has more partitions, Kafka did not respond recently for the missing ones.',
      unit: 'none',
      queries: { partitions: `count(count by (partition) (${of('sumpipeline_log_end_offset')}))` },
    }),
    graph({
      title: 'Copies',
      description: 'Additions that were appended again because the first append got no response. Each is counted once.',
      unit: 'ops',
      queries: { copies: rate(of('sumpipeline_log_append_copies_total')) },
    }),
  ],
};

const postgres: RowOptions = {
  title: 'PostgreSQL',
  panels: [
    graph({
      title: 'Time of a transaction',
      description: 'One batch of records of one partition, from its begin to its commit.',
      unit: 's',
      queries: Object.fromEntries(
        [0.5, 0.99].map((q) => [
          `p${q * 100}`,
          quantile(q, of('sumpipeline_apply_duration_seconds_bucket', 'result="ok"')),
        ]),
      ),
    }),
    graph({
      title: 'Transactions by result',
      description:
        'Failed: the transaction was dropped and its records are read again. Fenced: a newer owner had the partition, as after a rebalance.',
      unit: 'ops',
      queries: { '{{result}}': rate(of('sumpipeline_apply_duration_seconds_count'), 'result') },
    }),
    graph({
      title: 'Records per transaction',
      description: 'The number is large while a backlog waits, and small while few records arrive.',
      unit: 'none',
      queries: {
        mean: mean(of('sumpipeline_apply_batch_records_sum'), of('sumpipeline_apply_batch_records_count')),
      },
    }),
    graph({
      title: 'Claims by result',
      description: 'An aggregator claims each partition assigned to it. A failed claim is retried.',
      unit: 'ops',
      queries: { '{{result}}': rate(of('sumpipeline_claims_total'), 'result') },
    }),
    graph({
      title: 'Busy with a backlog',
      description:
        'Share of the time in which an aggregator counted while more records waited. Near 1 it is at its capacity.',
      unit: 'percentunit',
      queries: { '{{pod}}': `rate(${of('sumpipeline_backlogged_seconds_total')}[$__rate_interval])` },
    }),
    graph({
      title: 'Capacity of an aggregator',
      description:
        'Records per second while a backlog waited. If it falls as aggregators are added, PostgreSQL is the limit.',
      unit: 'ops',
      queries: {
        capacity: `${rate(of('sumpipeline_backlogged_records_total'))} / (${rate(of('sumpipeline_backlogged_seconds_total'))} > 0)`,
      },
    }),
  ],
};

const certificates: RowOptions = {
  title: 'Certificates',
  panels: (
    [
      ['kafka', 'Kafka'],
      ['postgres', 'PostgreSQL'],
    ] as const
  ).map(([peer, name]) =>
    stat({
      title: `Certificates of ${name}`,
      description:
        `Time until the first certificate expires, in the CA file or presented by ${name}. After that no new connection is ` +
        'made. Unknown without TLS.',
      unit: 's',
      queries: {
        left: `min(${of('sumpipeline_certificate_expiry_timestamp_seconds', `peer="${peer}"`)}) - time()`,
      },
      steps: [
        { value: null, color: 'red' },
        { value: 0, color: 'orange' },
        { value: certificateDaysMin[peer] * 86_400, color: 'green' },
      ],
    }),
  ),
};

/** Builds the dashboard of Kafka and PostgreSQL as one pipeline sees them. No exporter is needed. */
export function buildDependenciesDashboard(): object {
  return buildDashboard({
    uid: 'sumpipeline-dependencies',
    title: 'SumPipeline / Kafka and PostgreSQL',
    description: 'Kafka and PostgreSQL as one pipeline sees them.',
    variables: pipelineVariables,
    rows: [kafka, postgres, certificates],
  });
}
