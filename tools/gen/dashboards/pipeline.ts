import { recordedSeries as recorded } from '#contract/scaling.ts';
import { slos } from '#contract/slo.ts';
import { buildDashboard, graph, type RowOptions, redFromOne, stat } from './panels.ts';
import { processRow } from './process.ts';
import { mean, ofPipeline as of, pipelineVariables, quantile, rate } from './queries.ts';

const green = { value: null, color: 'green' };

const logEnd = `max by (partition) (${of('sumpipeline_log_end_offset')})`;
// Take the last value of the last day, because a halted partition or a partition without an aggregator has no current
// value.
const nextOffset = `max by (partition) (last_over_time(${of('sumpipeline_next_offset')}[1d]))`;
const lagByPartition = `clamp_min(${logEnd} - ${nextOffset}, 0)`;

const total: RowOptions = {
  title: 'Total',
  panels: [
    stat({
      title: 'Total exact',
      description:
        'The verdict of the proof. Unknown: no aggregator has verified the total yet. Not exact: see the runbook of SumPipelineNotExact.',
      unit: 'none',
      queries: { exact: `min(${of('sumpipeline_exact')})` },
      words: { 1: { text: 'Exact', color: 'green' }, 0: { text: 'Not exact', color: 'red' } },
    }),
    stat({
      title: 'Lag',
      description: 'Records in the log that are not counted yet.',
      unit: 'short',
      queries: { lag: `sum(${lagByPartition})` },
    }),
    stat({
      title: 'Freshness',
      description: `Age of the newest counted record when it was counted. The objective is ${slos.freshness.withinMs / 1000} s.`,
      unit: 's',
      queries: { age: `max(${of('sumpipeline_freshness_seconds')})` },
      steps: [green, { value: slos.freshness.withinMs / 1000, color: 'orange' }],
    }),
    stat({
      title: 'Halted partitions',
      description: 'Partitions that are halted until the cause is fixed. The status of the SumPipeline says why.',
      unit: 'none',
      queries: { halted: `sum(${of('sumpipeline_halted_partitions')})` },
      steps: redFromOne,
    }),
    stat({
      title: 'Parked records',
      description: 'Records that could not be counted. They are in the table "parked" of the schema.',
      unit: 'none',
      queries: { parked: `max(${of('sumpipeline_parked_records')})` },
      steps: redFromOne,
    }),
    stat({
      title: 'Durability',
      description: 'Whether the settings of the topic can lose a record that Kafka acknowledged.',
      unit: 'none',
      queries: { weak: `max(${of('sumpipeline_durability_weak')})` },
      words: { 0: { text: 'Durable', color: 'green' }, 1: { text: 'Weak', color: 'orange' } },
    }),
  ],
};

const additions: RowOptions = {
  title: 'Additions',
  panels: [
    graph({
      title: 'Additions by result',
      description: 'Responses of the calculators. docs/reference/metrics.md explains every result other than ok.',
      unit: 'reqps',
      queries: { '{{result}}': `${rate(of('sumpipeline_requests_total', 'method="Add"'), 'result')} > 0` },
    }),
    graph({
      title: 'Requests that are not API calls',
      description:
        'Refused requests that do not match the API: an unknown path, or a body that is too large or broken.',
      unit: 'reqps',
      queries: { '{{result}}': `${rate(of('sumpipeline_requests_total', 'method="none"'), 'result')} > 0` },
    }),
    graph({
      title: 'Time to acknowledgement',
      description: `From arrival to the response, which is sent when Kafka has the record. The objective is ${slos.acknowledgement.withinMs} ms for ${slos.acknowledgement.quantile * 100} %.`,
      unit: 's',
      queries: Object.fromEntries(
        [0.5, 0.9, 0.99].map((q) => [
          `p${q * 100}`,
          quantile(q, of('sumpipeline_request_duration_seconds_bucket', 'method="Add"')),
        ]),
      ),
    }),
    graph({
      title: 'Additions that wait',
      description:
        'Additions in memory: queued or in a write to Kafka. A calculator refuses more at its limit (queue-full).',
      unit: 'short',
      queries: { '{{pod}}': of('sumpipeline_calculator_queue_additions') },
    }),
    graph({
      title: 'Repeated additions',
      description:
        'Replayed: acknowledged from memory, because this calculator had acknowledged the request id before. Copies: appended again because the first append got no response; each is counted once.',
      unit: 'ops',
      queries: {
        replayed: rate(of('sumpipeline_calculator_replayed_total')),
        copies: rate(of('sumpipeline_log_append_copies_total')),
      },
    }),
    graph({
      title: 'Objectives',
      description:
        'Share of additions that got a response, share that was acknowledged in time, and share of time in which the total was fresh; over 5 minutes.',
      unit: 'percentunit',
      queries: {
        available: of(recorded.availability),
        'acknowledged in time': of(recorded.acknowledgedInTime),
        fresh: of(recorded.fresh),
      },
    }),
  ],
};

const counting: RowOptions = {
  title: 'Counting',
  panels: [
    graph({
      title: 'Records counted by disposition',
      description:
        'Every record gets one disposition: applied, duplicate (a retry, counted before), conflict (a misused request id) or parked (not readable).',
      unit: 'ops',
      queries: { '{{disposition}}': `${rate(of('sumpipeline_dispositions_total'), 'disposition')} > 0` },
    }),
    graph({
      title: 'Lag by partition',
      description:
        'Records that are not counted yet. If the lag of a single partition grows, it is halted, stuck, or fed by another producer.',
      unit: 'short',
      queries: { '{{partition}}': lagByPartition },
    }),
    graph({
      title: 'Freshness by aggregator',
      description: 'Age of the newest record at its commit.',
      unit: 's',
      queries: { '{{pod}}': of('sumpipeline_freshness_seconds') },
    }),
    graph({
      title: 'Lag by aggregator',
      description:
        'Records that wait in the partitions of each aggregator. If a single aggregator is behind, it is slow.',
      unit: 'short',
      queries: { '{{pod}}': `sum by (pod) (${of('sumpipeline_lag_records')})` },
    }),
    graph({
      title: 'Partitions by aggregator',
      description: 'Owned: claimed in PostgreSQL and counted. Assigned: assigned by the consumer group.',
      unit: 'none',
      queries: {
        '{{pod}} owns': of('sumpipeline_owned_partitions'),
        '{{pod}} is assigned': of('sumpipeline_assigned_partitions'),
      },
    }),
    graph({
      title: 'Which partitions are halted',
      description: '1 for each partition that is halted until the cause is fixed.',
      unit: 'none',
      queries: { 'partition {{partition}}': `max by (partition) (${of('sumpipeline_partition_halted')})` },
    }),
    graph({
      title: 'Time without counting at a rebalance',
      description: 'From the end of one assignment until every partition of the next one is claimed.',
      unit: 's',
      queries: {
        mean: mean(
          of('sumpipeline_rebalance_duration_seconds_sum'),
          of('sumpipeline_rebalance_duration_seconds_count'),
        ),
      },
    }),
  ],
};

const autoscaling: RowOptions = {
  title: 'Autoscaling',
  panels: [
    graph({
      title: 'Aggregators',
      description: 'The number that the rules compute, and the number that runs. docs/autoscaling.md explains both.',
      unit: 'none',
      queries: {
        desired: `max(${of(recorded.desired)})`,
        running: `count(${of('sumpipeline_assigned_partitions')})`,
      },
    }),
    graph({
      title: 'Records per second',
      description: 'Records that arrive, records that are counted, and records that one busy aggregator can count.',
      unit: 'ops',
      queries: {
        arriving: `max(${of(recorded.incoming)})`,
        counted: `max(${of(recorded.counted)})`,
        'capacity of one aggregator': `max(${of(recorded.capacity)})`,
      },
    }),
    graph({
      title: 'Parts of the number of aggregators',
      description: 'Aggregators needed for the arriving records, and aggregators needed for the lag.',
      unit: 'none',
      queries: {
        'for arriving records': `max(${of(recorded.replicasForIncoming)})`,
        'for the lag': `max(${of(recorded.replicasForLag)})`,
      },
    }),
  ],
};

const reads: RowOptions = {
  title: 'Reads',
  panels: [
    graph({
      title: 'Reads by method and result',
      description: 'Responses of the aggregators to GetTotal, ListTotals, GetAddition and GetProof.',
      unit: 'reqps',
      queries: {
        '{{method}} {{result}}': `${rate(of('sumpipeline_requests_total', 'method=~"GetTotal|ListTotals|GetAddition|GetProof"'), 'method, result')} > 0`,
      },
    }),
    graph({
      title: 'Time of a read (p99)',
      description: 'A read with atLeast waits until the positions are counted.',
      unit: 's',
      queries: {
        '{{method}}': quantile(
          0.99,
          of('sumpipeline_request_duration_seconds_bucket', 'method=~"GetTotal|ListTotals|GetAddition|GetProof"'),
          'method',
        ),
      },
    }),
  ],
};

/** Builds the dashboard of one pipeline, from the call of a client to the total. */
export function buildPipelineDashboard(): object {
  return buildDashboard({
    uid: 'sumpipeline-pipeline',
    title: 'SumPipeline / Pipeline',
    description: 'One pipeline: additions, counting, proof and autoscaling.',
    variables: pipelineVariables,
    rows: [total, additions, counting, autoscaling, reads, processRow(of)],
  });
}
