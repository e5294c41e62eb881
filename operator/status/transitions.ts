import type { ConditionType } from '#operator/api/status.ts';
import type { Status } from '#operator/api/types.ts';

/** An Event to be recorded at the SumPipeline. */
export interface EventDraft {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** What was done, as a verb in CamelCase. */
  readonly action: string;
  readonly note: string;
}

/** Returns the events for users when the status changes from `before` to `after`. */
export function transitionEvents(before: Status | undefined, after: Status): EventDraft[] {
  const change = (type: ConditionType) => ({ old: find(before, type), now: find(after, type) });
  const events: EventDraft[] = [];

  const stalled = change('Stalled');
  if (stalled.now?.status === 'True' && (stalled.old?.status !== 'True' || stalled.old.reason !== stalled.now.reason)) {
    events.push(warning(stalled.now.reason, stalled.now.message));
  }
  for (const type of ['KafkaReady', 'WorkloadsReady', 'ObservabilityReady'] as const) {
    const { old, now } = change(type);
    if (now?.status !== 'False' || passingReasons.has(now.reason)) continue;
    if (old?.status === 'False' && old.reason === now.reason) continue;
    // Record only one event for a reason: other conditions often have the same reason as Stalled.
    if (!events.some(({ reason }) => reason === now.reason)) events.push(warning(now.reason, now.message));
  }
  const ready = change('Ready');
  if (ready.now?.status === 'True' && ready.old?.status !== 'True') events.push(normal('Ready', ready.now.message));

  const exact = change('TotalExact');
  if (exact.now?.status === 'False' && exact.old?.status !== 'False') {
    events.push(warning('TotalNotExact', `${exact.now.reason}: ${exact.now.message}`));
  }
  if (exact.now?.status === 'True' && exact.old?.status === 'False') {
    events.push(normal('TotalExact', exact.now.message));
  }
  return events;
}

/** Reasons that occur for a moment in every start and rollout. They cause no event. */
const passingReasons = new Set([
  'NotCreated',
  'RolloutPending',
  'RollingOut',
  'PodsNotReady',
  'TopicNotCreated',
  'TopicPending',
  'GroupLoading',
]);

function find(status: Status | undefined, type: ConditionType) {
  return status?.conditions?.find((condition) => condition.type === type);
}

function warning(reason: string, note: string): EventDraft {
  return { type: 'Warning', reason, action: 'Observe', note };
}

function normal(reason: string, note: string): EventDraft {
  return { type: 'Normal', reason, action: 'Observe', note };
}
