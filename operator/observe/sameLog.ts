/** What decides which pipelines of one log may run. */
export interface LogUser {
  /** `namespace/name` of the SumPipeline. */
  readonly key: string;
  /** Whether its spec declares that other pipelines may count the same log. */
  readonly isShared: boolean;
  /** Whether its status says that it was refused because of another pipeline of the log. */
  readonly wasRefused: boolean;
  /** Whether its status had a counted log before this pass. */
  readonly hasCounted: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
}

/**
 * Returns the key of the pipeline because of which `own` must not run; undefined if it may run. An addition in a log that
 * two pipelines count is in the totals of both, so both must declare it. Otherwise one of them runs: the one that runs
 * already, else the one that has counted, else the oldest. A pipeline that was refused does not take over from one that
 * runs. Pure.
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
