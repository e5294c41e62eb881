/** What the recorder saw, second by second. Undefined: the source had no value then. */
export interface Point {
  /** Seconds since the start of the scenario. */
  readonly at: number;
  /** Additions per second that the load makes. */
  readonly offered: number;
  /** Recorded by the rules. */
  readonly incoming: number | undefined;
  readonly lag: number | undefined;
  /**
   * What the aggregators themselves see before them. The recorded lag compares two scrapes: under load it is never below
   * what arrives between them.
   */
  readonly ownLag: number | undefined;
  readonly capacity: number | undefined;
  readonly desired: number | undefined;
  /** Of the Deployment. */
  readonly replicas: number | undefined;
  readonly ready: number | undefined;
  /** The HPA controller's own number. */
  readonly hpaDesired: number | undefined;
  /** Generation of the consumer group. */
  readonly generation: number | undefined;
}

export type Quantity = Exclude<keyof Point, 'at'>;

export interface Mark {
  readonly at: number;
  readonly text: string;
}

/** One scenario as it went. */
export interface LoopRecord {
  readonly points: readonly Point[];
  readonly marks: readonly Mark[];
}

export interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** Every change of a quantity between two moments. A gap is no change. */
export function changesOf(
  { points }: LoopRecord,
  quantity: Quantity,
  { from, to }: { readonly from: number; readonly to: number },
): readonly Change[] {
  const changes: Change[] = [];
  let last: number | undefined;
  for (const point of points) {
    const value = point[quantity];
    if (value === undefined) continue;
    // What it was before the first moment is where the changes begin.
    if (last !== undefined && value !== last && point.at > from && point.at <= to) {
      changes.push({ at: point.at, from: last, to: value });
    }
    if (point.at <= to) last = value;
  }
  return changes;
}

/** The first moment from `from` on at which a point is as asked. */
function firstAt({ points }: LoopRecord, from: number, isWanted: (point: Point) => boolean): number | undefined {
  return points.find((point) => point.at >= from && isWanted(point))?.at;
}

export interface StepLatencies {
  /** From the change of the load until the rules record another number than before. */
  readonly recorded: number | undefined;
  /** From there until the HPA has changed the Deployment. */
  readonly scaled: number | undefined;
  /** From the last rise of the Deployment, or its last change when there is none, until as many pods are Ready. */
  readonly ready: number | undefined;
  /** From there until the lag is what `drainedLag` calls none. */
  readonly drained: number | undefined;
}

/** How long each stage took after the load changed at `from`; the step ends at `to`. */
export function latenciesOf(
  record: LoopRecord,
  { from, to, drainedLag }: { readonly from: number; readonly to: number; readonly drainedLag: number },
): StepLatencies {
  const recordedAt = changesOf(record, 'desired', { from, to })[0]?.at;
  const scalings = changesOf(record, 'replicas', { from, to });
  const first = scalings[0]?.at;
  // What is released once the lag is gone is not waited for.
  const last = (scalings.findLast((change) => change.to > change.from) ?? scalings.at(-1))?.at;
  const readyAt =
    last === undefined
      ? undefined
      : firstAt(record, last, ({ ready, replicas }) => ready !== undefined && ready === replicas);
  const drainedAt =
    readyAt === undefined
      ? undefined
      : firstAt(record, readyAt, ({ ownLag }) => ownLag !== undefined && ownLag <= drainedLag);
  return {
    recorded: between(from, recordedAt),
    scaled: between(recordedAt, first),
    ready: between(last, readyAt),
    drained: between(readyAt, drainedAt),
  };
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}

/** Pods that joined and left the group by the changes of the Deployment. */
export function joinsAndLeaves(changes: readonly Change[]): number {
  return changes.reduce((sum, { from, to }) => sum + Math.abs(to - from), 0);
}
