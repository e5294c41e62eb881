import { components } from '#contract/names.ts';
import type { Condition, Status } from '#operator/api/types.ts';
import { observeAutoscaling } from '#operator/observe/autoscaling.ts';
import { type Judgement, toConditions } from './conditions.ts';
import type { StatusInput } from './input.ts';
import { type Issue, worstIssue } from './issue.ts';
import { judgeDrift, judgeDurability, judgeKafka, judgeObservability, judgeWorkloads } from './judge.ts';

/** The whole status of one pass. */
export function buildStatus(input: StatusInput): Status {
  const { generation, now, shown, workloads } = input;
  const kafka = judgeKafka(input);
  const pods = judgeWorkloads(input);
  // What we could not do ourselves says more than what the children are waiting for.
  const obstacle = worstIssue([...input.issues, ...stallsSeen(input)]) ?? firstObstacle(kafka, pods);
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    conditions: toConditions(
      {
        ...summarize(obstacle, pods.message),
        KafkaReady: kafka,
        WorkloadsReady: pods,
        AutoscalingActive: observeAutoscaling(input.autoscaling),
        ObservabilityReady: judgeObservability(input),
        TotalExact: input.verdict.exact,
        DurabilityWeak: judgeDurability(input),
        Drifted: judgeDrift(input),
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
  };
}

/** When nothing but one obstacle is known: everything else is left as it was last seen. */
export function buildObstacleStatus(
  previous: Status | undefined,
  obstacle: Issue,
  context: { readonly generation: number | undefined; readonly now: string },
): Status {
  const conditions = toConditions(summarize(obstacle, ''), { ...context, previous: previous?.conditions ?? [] });
  const { generation } = context;
  return { ...previous, ...(generation === undefined ? {} : { observedGeneration: generation }), conditions };
}

/** Reasons with which PostgreSQL's books refuse to serve this pipeline: no waiting cures them. */
const identityReasons = new Set(['StoreInUse', 'GroupChanged', 'LogChanged']);

/** What the children say and only a person can cure. */
function stallsSeen({ kafka, verdict, workloads }: StatusInput): Issue[] {
  const issues: Issue[] = [];
  const stalled = (reason: string, message: string) => issues.push({ kind: 'stalled', reason, message });
  if (kafka.problem?.needsSpecChange === true) stalled(kafka.problem.reason, kafka.problem.message);
  for (const health of [verdict.store, verdict.kafka]) {
    if (health?.ok === false && identityReasons.has(health.reason)) stalled(health.reason, health.message);
  }
  for (const { partition, reason, message } of verdict.halts)
    stalled(reason, `partition ${partition} is halted: ${message}`);
  // Pods that wait for Kafka or PostgreSQL miss their deadline too, and recover without anybody's doing.
  const isOutage = verdict.kafka?.ok === false || verdict.store?.ok === false;
  for (const component of components) {
    const { state, reason, message } = workloads[component];
    if (state === 'failed' && !isOutage) stalled(reason, message);
  }
  return issues;
}

/** An unknown Kafka holds nothing up: with no aggregator wanted nobody would ever report. */
function firstObstacle(...judgements: readonly Judgement[]): Issue | undefined {
  const found = judgements.find(({ status }) => status === 'False');
  return found === undefined ? undefined : { kind: 'waiting', reason: found.reason, message: found.message };
}

const notStalled: Judgement = { status: 'False', reason: 'NotStalled', message: 'No action needed' };

/** The three conditions of kstatus: at most one of them is True. */
function summarize(
  obstacle: Issue | undefined,
  readyMessage: string,
): Readonly<Record<'Ready' | 'Reconciling' | 'Stalled', Judgement>> {
  if (obstacle === undefined) {
    return {
      Ready: { status: 'True', reason: 'Ready', message: readyMessage },
      Reconciling: { status: 'False', reason: 'Done', message: 'nothing is left to do' },
      Stalled: notStalled,
    };
  }
  const { kind, reason, message } = obstacle;
  const isStalled = kind === 'stalled';
  return {
    Ready: { status: 'False', reason, message },
    Reconciling: isStalled
      ? { status: 'False', reason: 'Stalled', message: 'a person must act first: see Stalled' }
      : { status: 'True', reason, message },
    Stalled: isStalled ? { status: 'True', reason, message } : notStalled,
  };
}

/** Whether the live status already says all this: then nothing is written. Conditions of others are not ours to judge. */
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

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  );
}
