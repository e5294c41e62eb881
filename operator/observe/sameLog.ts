/** The facts about a pipeline that decide whether it may count a log that another pipeline counts. */
export interface LogUser {
  /** `namespace/name` of the SumPipeline. */
  readonly key: string;
  /** Whether its spec declares that other pipelines may count the same log. */
  readonly isShared: boolean;
  /** Whether its status says that another pipeline counts its log. */
  readonly wasRefused: boolean;
  /** Whether its status had a counted log before this pass. */
  readonly hasCounted: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * Returns the key of the pipeline that runs instead of `own`; undefined if `own` may run. If two pipelines count one log,
 * each addition is in the totals of both, so both must declare it. Otherwise only one runs: the one that was not refused
 * before, then the one that has counted, then the oldest, then the first by name. Pure.
 */
export function findLogOwner(own: LogUser, others: readonly LogUser[]): string | undefined {
  const [first] = others
    .filter((other) => !(own.isShared && other.isShared) && isBefore(other, own))
    .toSorted((one, other) => (isBefore(one, other) ? -1 : 1));
  return first?.key;
}

function isBefore(one: LogUser, other: LogUser): boolean {
  if (one.wasRefused !== other.wasRefused) return other.wasRefused;
  if (one.hasCounted !== other.hasCounted) return one.hasCounted;
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt;
  return one.key < other.key;
}
