/** The facts about a pipeline that decide whether it may count a log that another pipeline counts. */
export interface LogUser {
  /** `namespace/name` of the SumPipeline. */
  readonly key: string;
  /**
   * The keys of the log, from the spec and the status of the pipeline. Two pipelines with a common key count the same
   * log.
   */
  readonly logKeys: ReadonlySet<string>;
  /** The keys of the log that the pipeline had counted before this pass. Empty if it has counted nothing. */
  readonly countedKeys: ReadonlySet<string>;
  /** Whether the spec of the pipeline declares that other pipelines may count the same log. */
  readonly isShared: boolean;
  /**
   * Whether the pipeline runs no pod, because the last pass refused it, or because its spec is not valid and it has
   * counted nothing.
   */
  readonly isIdle: boolean;
  /** Creation time of the SumPipeline, RFC 3339. */
  readonly createdAt: string;
}

/**
 * Returns the key of the pipeline that runs instead of `own`; undefined if `own` may run. If two pipelines count one
 * log, each addition is in the totals of both. Both run only if both are `isShared`. Otherwise one of them runs. The
 * first rule of this list in which the two pipelines differ decides which pipeline runs:
 *
 * 1. The pipeline that is not idle.
 * 2. The pipeline that has counted this log.
 * 3. The older pipeline.
 * 4. The pipeline whose key is first in alphabetical order.
 */
export function findLogOwner(own: LogUser, others: readonly LogUser[]): string | undefined {
  const [first] = others
    .filter((other) => hasCommon(other.logKeys, own.logKeys) && !(own.isShared && other.isShared))
    .filter((other) => isBefore(other, own))
    .toSorted((one, other) => (isOlder(one, other) ? -1 : 1));
  return first?.key;
}

function isBefore(one: LogUser, other: LogUser): boolean {
  if (one.isIdle !== other.isIdle) return other.isIdle;
  // Compare the counted log with the log of the other pipeline: a pipeline that counted a different log, and whose
  // address was changed to this log, has no precedence.
  const [hasCounted, hasOtherCounted] = [
    hasCommon(one.countedKeys, other.logKeys),
    hasCommon(other.countedKeys, one.logKeys),
  ];
  return hasCounted === hasOtherCounted ? isOlder(one, other) : hasCounted;
}

function isOlder(one: LogUser, other: LogUser): boolean {
  return one.createdAt === other.createdAt ? one.key < other.key : one.createdAt < other.createdAt;
}

function hasCommon(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return [...some].some((key) => others.has(key));
}
