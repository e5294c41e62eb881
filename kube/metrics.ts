import type { Metrics } from '#platform/metrics.ts';

const perController = { boundedBy: 'controllers of the program' };
const perResource = { boundedBy: 'kinds that the program watches' };
/**
 * Classes of failed lists and watches: the class of a KubernetesError (errors.ts), or `unexpected` for other errors.
 */
export const failureClasses = [
  'notFound',
  'alreadyExists',
  'conflict',
  'invalid',
  'terminal',
  'forbidden',
  'gone',
  'tooManyRequests',
  'transient',
  'unexpected',
] as const;
export const passResults = ['done', 'waiting', 'stalled', 'retry', 'cancelled'] as const;

/**
 * Metrics of the runtime. The names are those of controller-runtime and client-go, so that existing dashboards and
 * alerts work. Label `name` is the controller or the Lease. Label `resource` is a kind, such as `deployments.apps`.
 */
export const runtimeMetrics = {
  rest_client_requests_total: {
    type: 'counter',
    help: 'Requests to the API server by verb and status code; code <error> means there was no response.',
    labels: { verb: { boundedBy: 'verbs of the API' }, code: { boundedBy: 'HTTP status codes' } },
  },
  rest_client_request_duration_seconds: {
    type: 'histogram',
    help: 'Time until the headers of the response, by verb.',
    labels: { verb: { boundedBy: 'verbs of the API' } },
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30],
  },
  workqueue_depth: { type: 'gauge', help: 'Keys that wait for a worker.', labels: { name: perController } },
  workqueue_adds_total: { type: 'counter', help: 'Keys added, after de-duplication.', labels: { name: perController } },
  workqueue_retries_total: {
    type: 'counter',
    help: 'Keys put back because their pass failed.',
    labels: { name: perController },
  },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    help: 'How long a key waited for a worker.',
    labels: { name: perController },
    buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60, 300],
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    help: 'How long one pass took.',
    labels: { name: perController },
    buckets: [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 120],
  },
  workqueue_active_workers: { type: 'gauge', help: 'Passes under way.', labels: { name: perController } },
  controller_runtime_reconcile_total: {
    type: 'counter',
    help: 'Passes by result: done, waiting, stalled, retry, cancelled.',
    labels: { controller: perController, result: passResults },
  },
  leader_election_master_status: {
    type: 'gauge',
    help: '1 while this process leads.',
    labels: { name: perController },
  },
  reflector_lists_total: { type: 'counter', help: 'Full lists, by resource.', labels: { resource: perResource } },
  reflector_watches_total: { type: 'counter', help: 'Watches opened, by resource.', labels: { resource: perResource } },
  reflector_events_total: {
    type: 'counter',
    help: 'Watch events received, by resource.',
    labels: { resource: perResource },
  },
  reflector_failures_total: {
    type: 'counter',
    help: 'Lists and watches that failed, by resource and error class.',
    labels: { resource: perResource, class: failureClasses },
  },
  reflector_handler_failures_total: {
    type: 'counter',
    help: 'Event handlers that threw; the event is still in the store.',
    labels: { resource: perResource },
  },
  reflector_objects: {
    type: 'gauge',
    help: 'Objects held in memory, by resource; namespace is empty where all are watched.',
    labels: { resource: perResource, namespace: { boundedBy: 'namespaces that the operator is configured to watch' } },
  },
  events_recorded_total: {
    type: 'counter',
    help: 'Events by result: created, repeated, suppressed, dropped, failed.',
    labels: { outcome: ['created', 'repeated', 'suppressed', 'dropped', 'failed'] },
  },
} as const;

export type RuntimeMetrics = Metrics<typeof runtimeMetrics>;
