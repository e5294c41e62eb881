import { buildDashboard, graph, type RowOptions, redFromOne, stat } from './panels.ts';
import { processRow } from './process.ts';
import { ofOperator as of, ofLeader, quantile, rate } from './queries.ts';

const pipelines: RowOptions = {
  title: 'Pipelines',
  panels: [
    stat({
      title: 'Leaders',
      description: 'Pods that lead. 0: nothing is reconciled. 2 may show for one scrape when the leader changes.',
      unit: 'none',
      queries: { leaders: `sum(${of('leader_election_master_status')})` },
      steps: [
        { value: null, color: 'red' },
        { value: 1, color: 'green' },
      ],
    }),
    stat({
      title: 'Ready',
      description: 'SumPipelines that match their spec.',
      unit: 'none',
      queries: { ready: `sum(${ofLeader('sumpipeline_operator_pipelines', 'state="ready"')})` },
    }),
    stat({
      title: 'Stalled',
      description: 'SumPipelines that wait for a user to act. Their condition Stalled says what to do.',
      unit: 'none',
      queries: { stalled: `sum(${ofLeader('sumpipeline_operator_pipelines', 'state="stalled"')})` },
      steps: redFromOne,
    }),
    stat({
      title: 'Not exact',
      description: 'SumPipelines whose proof says that the total is not exact.',
      unit: 'none',
      queries: { 'not exact': `sum(${ofLeader('sumpipeline_operator_pipelines_exact', 'status="False"')})` },
      steps: redFromOne,
    }),
    graph({
      title: 'Pipelines by state',
      description: 'Each SumPipeline is in one state: ready, reconciling, stalled or deleting.',
      unit: 'none',
      queries: { '{{state}}': `sum by (state) (${ofLeader('sumpipeline_operator_pipelines')})` },
    }),
  ],
};

const reconciling: RowOptions = {
  title: 'Reconciling',
  panels: [
    graph({
      title: 'Passes by result',
      description: 'done: the result is in the status. retry: the pass failed and is retried.',
      unit: 'ops',
      queries: { '{{result}}': `${rate(of('controller_runtime_reconcile_total'), 'result')} > 0` },
    }),
    graph({
      title: 'Time of a pass (p99)',
      description: 'One pass over one SumPipeline.',
      unit: 's',
      queries: { '{{name}}': quantile(0.99, of('workqueue_work_duration_seconds_bucket'), 'name') },
    }),
    graph({
      title: 'Time in the queue (p99)',
      description: 'How long a SumPipeline waited for a worker. It grows when there are more changes than workers.',
      unit: 's',
      queries: { '{{name}}': quantile(0.99, of('workqueue_queue_duration_seconds_bucket'), 'name') },
    }),
    graph({
      title: 'Queue',
      description: 'SumPipelines that wait, and SumPipelines that a worker reconciles.',
      unit: 'none',
      queries: {
        waiting: `sum(${ofLeader('workqueue_depth')})`,
        'worked on': `sum(${ofLeader('workqueue_active_workers')})`,
      },
    }),
    graph({
      title: 'Added to the queue, and retried',
      description: 'Detected changes, and failed passes.',
      unit: 'ops',
      queries: {
        added: rate(of('workqueue_adds_total')),
        retried: rate(of('workqueue_retries_total')),
      },
    }),
    graph({
      title: 'Writes',
      description: 'Writes to child objects and to statuses. In a steady state nothing is written.',
      unit: 'ops',
      queries: {
        '{{action}}': `${rate(of('sumpipeline_operator_actions_total'), 'action')} > 0`,
        status: rate(of('sumpipeline_operator_status_writes_total')),
      },
    }),
  ],
};

const apiServer: RowOptions = {
  title: 'API server',
  panels: [
    graph({
      title: 'Requests by code',
      description: '<error>: no response. 403: a permission is missing. 409: another writer was faster.',
      unit: 'reqps',
      queries: { '{{code}}': rate(of('rest_client_requests_total'), 'code') },
    }),
    graph({
      title: 'Time of a request (p99)',
      description: 'Until the headers of the response.',
      unit: 's',
      queries: { '{{verb}}': quantile(0.99, of('rest_client_request_duration_seconds_bucket'), 'verb') },
    }),
    graph({
      title: 'Events recorded',
      description: 'suppressed and dropped: an object or the operator makes more events than its budget.',
      unit: 'ops',
      queries: { '{{outcome}}': `${rate(of('events_recorded_total'), 'outcome')} > 0` },
    }),
  ],
};

const watches: RowOptions = {
  title: 'Watches',
  panels: [
    graph({
      title: 'Events received',
      description: 'Changes that the API server reported.',
      unit: 'ops',
      queries: { '{{resource}}': `${rate(of('reflector_events_total'), 'resource')} > 0` },
    }),
    graph({
      title: 'Lists and watches',
      description:
        'A watch ends after some minutes and continues at its last version. Many lists: watches break, or versions expire.',
      unit: 'ops',
      queries: {
        lists: rate(of('reflector_lists_total')),
        watches: rate(of('reflector_watches_total')),
      },
    }),
    graph({
      title: 'Failed lists and watches',
      description:
        'notFound: the kind is not installed. forbidden: a permission is missing. transient: the API server did not respond.',
      unit: 'ops',
      queries: {
        '{{resource}} {{class}}': `${rate(of('reflector_failures_total'), 'resource, class')} > 0`,
        'handlers {{resource}}': `${rate(of('reflector_handler_failures_total'), 'resource')} > 0`,
      },
    }),
    graph({
      title: 'Objects in memory',
      description: 'Number of objects by kind. Memory grows with this number.',
      unit: 'short',
      queries: { '{{resource}}': `max by (resource) (sum by (pod, resource) (${of('reflector_objects')}))` },
    }),
  ],
};

/** Builds the dashboard of the operator: its work, and what blocks the work. */
export function buildOperatorDashboard(): object {
  return buildDashboard({
    uid: 'sumpipeline-operator',
    title: 'SumPipeline / Operator',
    description: 'The operator: pipelines, queue, API calls, watches and leadership.',
    variables: { job: 'label_values(sumpipeline_operator_pipelines, job)' },
    rows: [pipelines, reconciling, apiServer, watches, processRow(of)],
  });
}
