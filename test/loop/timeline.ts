/** The values that the recorder read in one second. Undefined: the source had no value at that time. */
export interface Point {
  /** Seconds since the start of the scenario. */
  readonly at: number;
  /** Additions per second of the load. */
  readonly offered: number;
  /** Records that arrive per second, as the rules record them. */
  readonly incoming: number | undefined;
  readonly lag: number | undefined;
  /**
   * The lag that the aggregators themselves measure. The recorded lag compares two scrapes: under load it is never
   * below the number of records that arrive between them.
   */
  readonly ownLag: number | undefined;
  readonly capacity: number | undefined;
  readonly desired: number | undefined;
  /** `spec.replicas` of the Deployment. */
  readonly replicas: number | undefined;
  readonly ready: number | undefined;
  /** `status.desiredReplicas` of the HPA. */
  readonly hpaDesired: number | undefined;
  /** Generation of the consumer group. */
  readonly generation: number | undefined;
}

export type Quantity = Exclude<keyof Point, 'at'>;

export interface Mark {
  readonly at: number;
  readonly text: string;
}

/** The values and the marks of one scenario. */
export interface LoopRecord {
  readonly points: readonly Point[];
  readonly marks: readonly Mark[];
}

export interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** Returns every change of a quantity between two moments. A gap is not a change. */
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
    // Values before `from` are no changes. The last of them is the value from which the first change starts.
    if (last !== undefined && value !== last && point.at > from && point.at <= to) {
      changes.push({ at: point.at, from: last, to: value });
    }
    if (point.at <= to) last = value;
  }
  return changes;
}

/** Returns the first moment from `from` on at which a point fulfils the condition. */
function firstAt({ points }: LoopRecord, from: number, isWanted: (point: Point) => boolean): number | undefined {
  return points.find((point) => point.at >= from && isWanted(point))?.at;
}

export interface StepLatencies {
  /** Seconds from the change of the load until the rules record another number than before. */
  readonly recorded: number | undefined;
  /** Seconds from `recorded` until the HPA has changed the Deployment. */
  readonly scaled: number | undefined;
  /**
   * Seconds from the last rise of the Deployment until the same number of pods is Ready. If the Deployment never
   * rose, the time begins at its last change.
   */
  readonly ready: number | undefined;
  /** Seconds from `ready` until the lag is below `drainedLag`. */
  readonly drained: number | undefined;
}

/** Computes how long each stage took after the load changed at `from`. The step ends at `to`. */
export function latenciesOf(
  record: LoopRecord,
  { from, to, drainedLag }: { readonly from: number; readonly to: number; readonly drainedLag: number },
): StepLatencies {
  const recordedAt = changesOf(record, 'desired', { from, to })[0]?.at;
  const scalings = changesOf(record, 'replicas', { from, to });
  const first = scalings[0]?.at;
  // Take the last rise: a release after the lag has gone is not part of the time.
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

/** Counts the pods that joined and left the group because of changes of the Deployment. */
export function joinsAndLeaves(changes: readonly Change[]): number {
  return changes.reduce((sum, { from, to }) => sum + Math.abs(to - from), 0);
}
