import { components } from '#contract/names.ts';
import type { Condition, Status } from '#operator/api/types.ts';
import { observeAutoscaling } from '#operator/observe/autoscaling.ts';
import { type ConditionDraft, toConditions } from './conditions.ts';
import {
  draftDrifted,
  draftDurabilityWeak,
  draftKafkaReady,
  draftObservabilityReady,
  draftWorkloadsReady,
} from './drafts.ts';
import type { StatusInput } from './input.ts';
import { type Issue, worstIssue } from './issue.ts';

/** Builds the whole status after one pass. */
export function buildStatus(input: StatusInput): Status {
  const { generation, now, shown, workloads } = input;
  const kafka = draftKafkaReady(input);
  const pods = draftWorkloadsReady(input);
  // Prefer an issue of this pass: it explains more than a child that is not ready yet.
  const obstacle = worstIssue([...input.issues, ...stallsSeen(input)]) ?? firstObstacle(kafka, pods);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: toConditions(
      {
        ...summarize(obstacle, pods.message),
        KafkaReady: kafka,
        WorkloadsReady: pods,
        AutoscalingActive: observeAutoscaling(input.autoscaling),
        ObservabilityReady: draftObservabilityReady(input),
        TotalExact: input.verdict.exact,
        DurabilityWeak: draftDurabilityWeak(input),
        Drifted: draftDrifted(input),
      },
      { previous: input.previous?.conditions ?? [], generation, now },
    ),
    ...Object.fromEntries(
      components.map((component) => [
        component,
        {
          replicas: `${workloads[component].ready}/${workloads[component].wanted}`,
          endpoints: shown.endpoints[component],
        },
      ]),
    ),
    ...(shown.image === undefined ? {} : { image: shown.image }),
    ...(shown.bootstrap === undefined ? {} : { bootstrap: shown.bootstrap }),
    topic: shown.topic,
    ...(shown.log === undefined ? {} : { log: shown.log }),
    ...(shown.logInUseBy === undefined ? {} : { logInUseBy: shown.logInUseBy }),
  };
}

/** Builds the status of a pass that a problem stopped (the obstacle). All other fields keep their last values. */
export function buildObstacleStatus(
  previous: Status | undefined,
  obstacle: Issue,
  context: { readonly generation: number | undefined; readonly now: string },
): Status {
  const conditions = toConditions(summarize(obstacle, ''), { ...context, previous: previous?.conditions ?? [] });
  const { generation } = context;
  return { ...previous, ...(generation === undefined ? {} : { observedGeneration: generation }), conditions };
}

/** Reasons that say that the schema in PostgreSQL does not belong to this pipeline. A retry does not help. */
const identityReasons = new Set(['StoreInUse', 'GroupChanged', 'LogChanged']);

/** Returns the problems of children that only a user can fix. */
function stallsSeen({ kafka, verdict, workloads }: StatusInput): Issue[] {
  const issues: Issue[] = [];
  const stalled = (reason: string, message: string) => issues.push({ kind: 'stalled', reason, message });
  if (kafka.problem?.needsSpecChange === true) stalled(kafka.problem.reason, kafka.problem.message);
  for (const health of [verdict.store, verdict.kafka]) {
    if (health?.ok === false && identityReasons.has(health.reason)) stalled(health.reason, health.message);
  }
  for (const { partition, reason, message } of verdict.halts)
    stalled(reason, `partition ${partition} is halted: ${message}`);
  // Pods that wait for Kafka or PostgreSQL may exceed their deadline, but they recover by themselves.
  const isOutage = verdict.kafka?.ok === false || verdict.store?.ok === false;
  for (const component of components) {
    const { state, reason, message } = workloads[component];
    if (state === 'failed' && !isOutage) stalled(reason, message);
  }
  return issues;
}

/**
 * Returns an issue for the first condition that is False; undefined if no condition is False. An Unknown condition is
 * not a problem: for instance, no pod reports if 0 aggregators are wanted.
 */
function firstObstacle(...drafts: readonly ConditionDraft[]): Issue | undefined {
  const found = drafts.find(({ status }) => status === 'False');
  return found === undefined ? undefined : { kind: 'waiting', reason: found.reason, message: found.message };
}

const notStalled: ConditionDraft = { status: 'False', reason: 'NotStalled', message: 'No action needed' };

/** Builds the three conditions of kstatus. At most one of them is True. */
function summarize(
  obstacle: Issue | undefined,
  readyMessage: string,
): Readonly<Record<'Ready' | 'Reconciling' | 'Stalled', ConditionDraft>> {
  if (obstacle === undefined) {
    return {
      Ready: { status: 'True', reason: 'Ready', message: readyMessage },
      Reconciling: { status: 'False', reason: 'Done', message: 'no changes are pending' },
      Stalled: notStalled,
    };
  }
  const { kind, reason, message } = obstacle;
  const isStalled = kind === 'stalled';
  return {
    Ready: { status: 'False', reason, message },
    Reconciling: isStalled
      ? { status: 'False', reason: 'Stalled', message: 'stopped until the problem in condition Stalled is fixed' }
      : { status: 'True', reason, message },
    Stalled: isStalled ? { status: 'True', reason, message } : notStalled,
  };
}

/**
 * Whether the live status equals the wanted one, so that no write is needed. Conditions of other writers are ignored.
 */
export function isSameStatus(live: Status | undefined, wanted: Status): boolean {
  if (live === undefined) return false;
  const ours = (status: Status) => {
    const { conditions = [], ...rest } = status;
    const types = new Set((wanted.conditions ?? []).map(({ type }) => type));
    const sorted = conditions.filter(({ type }) => types.has(type)).toSorted(byType);
    return canonical({ ...rest, conditions: sorted });
  };
  return ours(live) === ours(wanted);
}

function byType(left: Condition, right: Condition): number {
  return left.type < right.type ? -1 : 1;
}

/** Returns JSON with sorted keys, so that equal values give equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
