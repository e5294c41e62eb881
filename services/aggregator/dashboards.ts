import type { Logger } from '#platform/log.ts';
import type { LogAssignment } from '#services/eventlog/port.ts';

/** How often offsets are committed for dashboards. One commit to Kafka covers all partitions. */
const intervalMs = 1_000;

/**
 * Commits next offsets to Kafka, only for lag dashboards: the aggregators read from PostgreSQL's offsets. The last
 * offset of a partition is committed within a second, so that no dashboard shows a lag that does not exist.
 */
export class Dashboards {
  readonly #logger: Logger;
  readonly #pending = new Map<number, bigint>();
  #assignment: LogAssignment | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Call it when the partition is counted up to `nextOffset` under this assignment. */
  tell(assignment: LogAssignment, partition: number, nextOffset: bigint): void {
    if (this.#assignment !== assignment) {
      // Drop offsets of an earlier assignment: the present owners of those partitions commit them.
      this.#pending.clear();
      this.#assignment = assignment;
    }
    this.#pending.set(partition, nextOffset);
    this.#timer ??= setTimeout(() => void this.flush(), intervalMs);
  }

  /** Commits the pending offsets now. Never rejects. */
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

  /** Retries a failed commit. Without the retry, a partition that gets no new records would keep showing a lag. */
  #tellAgain(assignment: LogAssignment, offsets: ReadonlyMap<number, bigint>): void {
    if (assignment.signal.aborted || this.#assignment !== assignment) return;
    for (const [partition, offset] of offsets) {
      if (!this.#pending.has(partition)) this.tell(assignment, partition, offset);
    }
  }
}
