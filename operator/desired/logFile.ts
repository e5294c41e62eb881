import { formatCountedLog } from '#contract/countedLog.ts';
import { mounts } from '#contract/mounts.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';

export function logFileName(pipeline: SumPipeline): string {
  return `${pipeline.metadata.name}-log`;
}

/**
 * Builds the ConfigMap that tells the calculators which log the ledger counts. Without this ConfigMap, a calculator
 * that starts after the topic was re-created would write to the new topic, and acknowledge additions that are never
 * counted.
 */
export function buildLogFile(pipeline: SumPipeline, { log }: Facts): ChildObject | undefined {
  if (log === undefined) return undefined;
  const options = { owned: ownership.configMap, name: logFileName(pipeline), component: 'calculator' as const };
  return childOf(pipeline, options, { data: { [mounts.log.file]: formatCountedLog(log) } });
}
