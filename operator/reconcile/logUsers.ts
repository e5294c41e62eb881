import type { CountedLog } from '#contract/countedLog.ts';
import { keyOf, type Live } from '#kube/client/object.ts';
import { findLogOwner, type LogUser } from '#operator/observe/sameLog.ts';
import type { Issue } from '#operator/status/issue.ts';
import { countedLogKeysOf, logKeysOf, readField } from './keys.ts';
import type { PipelineObject } from './resources.ts';

/** Returns the SumPipelines that have this key of `logKeysOf`. */
export type PipelinesOfLog = (logKey: string) => readonly Live<PipelineObject>[];

/** Why a pipeline must not run: another pipeline counts its log. */
export interface LogConflict {
  /** `namespace/name` of the other SumPipeline. */
  readonly inUseBy: string;
  readonly issue: Issue;
}

/**
 * Returns why the pipeline must not run; undefined if it may run. `log` is the log that its aggregators report in this
 * pass. The status of the pipeline may not have this log yet.
 */
export function findLogConflict(
  object: Live<PipelineObject>,
  log: CountedLog | undefined,
  pipelinesOfLog: PipelinesOfLog,
): LogConflict | undefined {
  const user = logUserOf(object);
  const reported = log === undefined ? [] : logKeysOf({ ...object, status: { log } });
  const own = { ...user, logKeys: new Set([...user.logKeys, ...reported]) };
  const others = new Map([...own.logKeys].flatMap(pipelinesOfLog).map((one) => [keyOf(one), one]));
  others.delete(own.key);
  const inUseBy = findLogOwner(own, [...others.values()].map(logUserOf));
  if (inUseBy === undefined) return undefined;
  const message =
    `SumPipeline ${inUseBy} has the same topic, so each addition would be in the totals of both; the operator stops this SumPipeline. ` +
    'Delete one of the two, or set spec.kafka.topic.shared to true in both';
  return { inUseBy, issue: { kind: 'stalled', reason: 'LogInUse', message } };
}

/**
 * Reads fields of the unparsed object: the decision which pipeline runs must also work if another version of the
 * operator wrote the status.
 */
function logUserOf(object: Live<PipelineObject>): LogUser {
  const countedKeys = new Set(countedLogKeysOf(object));
  const conditions = readField(object, 'status', 'conditions');
  const isInvalid =
    Array.isArray(conditions) &&
    conditions.some((one) => readField(one, 'type') === 'Stalled' && readField(one, 'reason') === 'InvalidSpec');
  return {
    key: keyOf(object),
    logKeys: new Set(logKeysOf(object)),
    countedKeys,
    isShared: readField(object, 'spec', 'kafka', 'topic', 'shared') === true,
    isIdle: typeof readField(object, 'status', 'logInUseBy') === 'string' || (isInvalid && countedKeys.size === 0),
    createdAt: object.metadata.creationTimestamp ?? '',
  };
}
