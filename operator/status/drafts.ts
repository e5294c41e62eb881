import { type Component, components } from '#contract/names.ts';
import type { Health } from '#contract/verdict.ts';
import type { WorkloadHealth } from '#operator/observe/deployment.ts';
import type { ConditionDraft } from './conditions.ts';
import type { StatusInput } from './input.ts';

/** Builds condition KafkaReady from the connection, the topic, and the reports of the aggregators. */
export function draftKafkaReady({ kafka, verdict }: StatusInput): ConditionDraft {
  if (kafka.problem !== undefined) return isFalse(kafka.problem.reason, kafka.problem.message);
  if (kafka.topic !== undefined && kafka.topic.state !== 'ready')
    return isFalse(kafka.topic.reason, kafka.topic.message);
  if (verdict.kafka === undefined) return isUnknown('NotReported', 'no aggregator has reported yet');
  // An aggregator checks Kafka after PostgreSQL. Do not show a problem with PostgreSQL as a problem with Kafka.
  if (verdict.kafka.reason === 'Unknown')
    return isUnknown('NotAsked', 'waiting for PostgreSQL; Kafka is checked after PostgreSQL is reachable');
  return { status: verdict.kafka.ok ? 'True' : 'False', reason: verdict.kafka.reason, message: verdict.kafka.message };
}

/** Builds condition WorkloadsReady. Reports of the aggregators explain why pods that run are not ready. */
export function draftWorkloadsReady(input: StatusInput): ConditionDraft {
  const { workloads, verdict } = input;
  const [halt] = verdict.halts;
  if (halt !== undefined) return isFalse(halt.reason, `partition ${halt.partition} is halted: ${halt.message}`);
  if (verdict.store?.ok === false) return isFalse(verdict.store.reason, verdict.store.message);
  const [stuck] = verdict.stuck;
  if (stuck !== undefined) return isFalse(stuck.reason, stuck.message);
  const unready = components.find((component) => workloads[component].state !== 'ready');
  if (unready !== undefined) return explain(workloads[unready], verdict.kafka);
  return { status: 'True', reason: 'Ready', message: describeWorkloads(workloads) };
}

/**
 * Reasons of a Deployment that name no cause. For these reasons the message also has the reports of the aggregators.
 */
const silentReasons = new Set(['PodsNotReady', 'RollingOut', 'ProgressDeadlineExceeded']);

function explain(workload: WorkloadHealth, kafka: Health | undefined): ConditionDraft {
  if (kafka?.ok !== false || !silentReasons.has(workload.reason)) return isFalse(workload.reason, workload.message);
  return isFalse(kafka.reason, `${workload.message}: ${kafka.message}`);
}

function describeWorkloads(workloads: Readonly<Record<Component, WorkloadHealth>>): string {
  return `${components.map((component) => `${workloads[component].ready} of ${workloads[component].wanted} ${component}s`).join(' and ')} are ready`;
}

export function draftObservabilityReady({ monitoring }: StatusInput): ConditionDraft {
  switch (monitoring.state) {
    case 'disabled':
      return { status: 'True', reason: 'Disabled', message: 'spec.monitoring.enabled is false: no ServiceMonitors' };
    case 'ready':
      return { status: 'True', reason: 'Monitored', message: 'a ServiceMonitor for each component exists' };
    case 'pending':
      return isUnknown('Pending', 'the ServiceMonitors are being created');
    case 'crdNotInstalled':
      return isFalse(
        'CRDNotInstalled',
        'servicemonitors.monitoring.coreos.com is not installed: install prometheus-operator (the operator then creates the ServiceMonitors), or set spec.monitoring.enabled to false',
      );
    case 'forbidden':
      return isFalse(
        'AccessForbidden',
        'the operator has no permission to list ServiceMonitors: apply the ClusterRole of this operator version',
      );
    case 'notSelected':
      return isFalse('NotSelected', monitoring.message);
    default:
      throw monitoring satisfies never;
  }
}

/**
 * Builds condition DurabilityWeak. It does not affect Ready or TotalExact: with a single local broker durability is
 * weak, but the pipeline works.
 */
export function draftDurabilityWeak({ verdict: { durability } }: StatusInput): ConditionDraft {
  if (durability === undefined || durability.reason === 'Unknown') {
    return isUnknown('NotReported', 'no aggregator has read the settings of the topic yet');
  }
  return { status: durability.ok ? 'False' : 'True', reason: durability.reason, message: durability.message };
}

export function draftDrifted({ drift }: StatusInput): ConditionDraft {
  const [first] = drift;
  if (first === undefined)
    return isFalse('None', 'No other field manager has added securityContext or other security fields to the pods');
  const more = drift.length === 1 ? '' : ` (and ${drift.length - 1} more)`;
  const cure = 'the operator does not remove these fields; remove them if they are not intended';
  return { status: 'True', reason: 'SecurityFieldsAdded', message: `${first}${more}; ${cure}` };
}

function isFalse(reason: string, message: string): ConditionDraft {
  return { status: 'False', reason, message };
}

function isUnknown(reason: string, message: string): ConditionDraft {
  return { status: 'Unknown', reason, message };
}
