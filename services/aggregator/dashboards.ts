import type { Logger } from '#platform/log.ts';
import type { LogAssignment } from '#services/eventlog/port.ts';

/** A dashboard is as late as this, and Kafka hears of all partitions together once in this time. */
const intervalMs = 1_000;

/**
 * Tells Kafka how far we are, for lag dashboards alone: PostgreSQL says where to read. Within a second after a partition
 * comes to rest its last offset is committed, so that no dashboard shows a lag that is not there.
 */
export class Dashboards {
  readonly #logger: Logger;
  readonly #pending = new Map<number, bigint>();
  #assignment: LogAssignment | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The partition is counted up to `nextOffset` under this assignment. */
  tell(assignment: LogAssignment, partition: number, nextOffset: bigint): void {
    if (this.#assignment !== assignment) {
      // What an earlier generation counted is told by the partition's next owner.
      this.#pending.clear();
      this.#assignment = assignment;
    }
    this.#pending.set(partition, nextOffset);
    this.#timer ??= setTimeout(() => void this.flush(), intervalMs);
  }

  /** Commits what is pending now. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const offsets = new Map(this.#pending);
    this.#pending.clear();
    const assignment = this.#assignment;
    if (offsets.size === 0 || assignment === undefined || assignment.signal.aborted) return;
    try {
      await assignment.commitForDashboards(offsets);
    } catch (error) {
      this.#logger.debug({ error, partitions: [...offsets.keys()] }, 'the offsets for dashboards were not committed');
      this.#tellAgain(assignment, offsets);
    }
  }

  /** A partition at rest has no later offset that would make up for a commit that failed. */
  #tellAgain(assignment: LogAssignment, offsets: ReadonlyMap<number, bigint>): void {
    if (assignment.signal.aborted || this.#assignment !== assignment) return;
    for (const [partition, offset] of offsets) {
      if (!this.#pending.has(partition)) this.tell(assignment, partition, offset);
    }
  }
}
