import type { CountedLog } from '#contract/countedLog.ts';
import { keyOf, type Live } from '#kube/client/object.ts';
import { statusSchema } from '#operator/api/status.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Child } from '#operator/desired/child.ts';
import { ownership } from '#operator/desired/childKinds.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { findLogOwner, type LogUser } from '#operator/observe/sameLog.ts';
import type { Issue } from '#operator/status/issue.ts';
import { isDeclaredShared, logKeysOf } from './keys.ts';
import type { PipelineObject } from './resources.ts';

/** Reason of a pipeline that must not run, because another one counts its log. */
export const logInUse = 'LogInUse';

/** Returns the SumPipelines that have this key of `logKeysOf`. */
export type PipelinesOfLog = (logKey: string) => readonly Live<PipelineObject>[];

/**
 * Returns why the pipeline must not run; undefined if it may run. `log` is the log that its aggregators report in this
 * pass. Its status may not have it yet.
 */
export function findLogConflict(
  object: Live<PipelineObject>,
  log: CountedLog | undefined,
  pipelinesOfLog: PipelinesOfLog,
): Issue | undefined {
  const key = keyOf(object);
  const names = new Set([
    ...logKeysOf(object),
    ...(log === undefined ? [] : logKeysOf({ ...object, status: { log } })),
  ]);
  const others = new Map([...names].flatMap(pipelinesOfLog).map((one) => [keyOf(one), one]));
  others.delete(key);
  const owner = findLogOwner(logUserOf(object), [...others.values()].map(logUserOf));
  if (owner === undefined) return undefined;
  return {
    kind: 'stalled',
    reason: logInUse,
    message:
      `SumPipeline ${owner} counts the same topic, so each addition would be in the totals of both; no pod of this SumPipeline runs. ` +
      'Delete one of the two, or set spec.kafka.topic.shared to true in both',
  };
}

function logUserOf(object: Live<PipelineObject>): LogUser {
  const status = statusSchema.safeParse(object.status);
  const known = status.success ? status.data : {};
  return {
    key: keyOf(object),
    isShared: isDeclaredShared(object),
    wasRefused: wasRefused(known.conditions),
    hasCounted: known.log !== undefined,
    createdAt: object.metadata.creationTimestamp ?? '',
  };
}

/** Returns whether the last pass refused the pipeline, because another one counts its log. */
export function wasRefused(conditions: readonly { readonly type: string; readonly reason: string }[] = []): boolean {
  return conditions.some(({ type, reason }) => type === 'Stalled' && reason === logInUse);
}

/** Returns the pipeline with 0 replicas, and without autoscaling, which would write another number. */
export function withoutPods(pipeline: SumPipeline): SumPipeline {
  const { calculator, aggregator } = pipeline.spec;
  const { autoscaling: _, ...calculators } = calculator;
  const { autoscaling: __, ...aggregators } = aggregator;
  const spec = {
    ...pipeline.spec,
    calculator: { ...calculators, replicas: 0 },
    aggregator: { ...aggregators, replicas: 0 },
  };
  return { ...pipeline, spec };
}

/** Leaves out the Deployments that do not exist. A new Deployment begins with one pod, and that pod could count. */
export function withoutNewWorkloads(desired: readonly Child[], live: readonly LiveChild[]): Child[] {
  const names = new Set(
    live.filter(({ kind }) => kind === ownership.deployment.kind).map(({ metadata }) => metadata.name),
  );
  return desired.filter(({ object }) => object.kind !== ownership.deployment.kind || names.has(object.metadata.name));
}
