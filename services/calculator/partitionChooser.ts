import type { AppendOutcome } from '#services/eventlog/port.ts';
import { Lateness } from './lateness.ts';

/** The partitions of the log and their leaders. */
interface LogLeaders {
  readonly partitionCount: number;
  /** Returns the id of the broker that leads a partition. Undefined while the partition has no leader. */
  leaderOf(partition: number): number | undefined;
}

export interface PartitionChooserOptions {
  /** Returns undefined while there is no connection to Kafka. */
  readonly log: () => LogLeaders | undefined;
  /** Returns milliseconds since the Unix epoch. */
  readonly now: () => number;
}

/** An append that has begun. The caller reports its end once: it calls `answered` or `failed`. */
export interface ChosenPartition {
  readonly partition: number;
  readonly leader: number;
  answered(): void;
  failed(outcome: AppendOutcome): void;
}

/**
 * A rest is the time in which a partition or leader is not used after a failure, in milliseconds. The first rest is
 * short, because most failures end when the new leader is known. Each further failure doubles the rest, so that a
 * broken leader gets few appends.
 */
const rests = { minimumMs: 100, maximumMs: 5_000 };

interface Rest {
  readonly until: number;
  readonly failures: number;
}

interface Candidate {
  readonly partition: number;
  readonly leader: number;
  /** A smaller rank is better. `health`: 0 healthy, 1 resting, 2 late. `pending`: appends in flight of the leader. */
  readonly rank: readonly [health: number, pending: number];
}

/**
 * Chooses the partition of the next append: round-robin among the partitions whose leader responds. Additions that
 * arrive together go to one partition, because an append of many records costs hardly more than an append of one.
 * Copies of an id may go to different partitions.
 *
 * The following are used only if no partition is healthy, and never for a copy (KIP-794 of Kafka is similar, but looks
 * at queue lengths instead of responses):
 *   late     leaders with an append older than `lateMs`, until that append ends
 *   resting  partitions after a failure, and leaders that did not respond. After the rest the next batch probes them
 *
 * Takes a healthy partition whose leader has the fewest appends in flight. So a slow broker gets fewer appends.
 */
export class PartitionChooser {
  readonly #options: PartitionChooserOptions;
  readonly #lateness = new Lateness();
  /** Key: leader. Value: start times of its appends in flight, oldest first. */
  readonly #pending = new Map<number, Set<{ readonly since: number }>>();
  /** Key: partition and leader (`keyOf`), so that failures of an old leader do not affect the new leader. */
  readonly #partitionRests = new Map<string, Rest>();
  readonly #leaderRests = new Map<number, Rest>();
  #next = 0;

  constructor(options: PartitionChooserOptions) {
    this.#options = options;
  }

  /** An append without a response for longer than this should be copied to another partition. */
  get lateMs(): number {
    return this.#lateness.boundMs;
  }

  /**
   * Begins an append. Leaders in `avoid` already have an append of the same records. Returns undefined if no partition
   * has a leader. Also returns undefined for a copy (`avoid` is not empty) if no other leader is healthy.
   */
  choose(avoid: ReadonlySet<number>): ChosenPartition | undefined {
    const best = this.#best(avoid);
    if (best === undefined) return undefined;
    const { partition, leader } = best;
    this.#next = partition + 1;
    return this.#begin(partition, leader);
  }

  #best(avoid: ReadonlySet<number>): Candidate | undefined {
    const log = this.#options.log();
    const count = log?.partitionCount ?? 0;
    let best: Candidate | undefined;
    for (let step = 0; step < count; step++) {
      const partition = (this.#next + step) % count;
      const leader = log?.leaderOf(partition);
      if (leader === undefined || avoid.has(leader)) continue;
      const rank = this.#rank(partition, leader);
      if (best === undefined || isLess(rank, best.rank)) best = { partition, leader, rank };
      if (rank[0] === 0 && rank[1] === 0) break;
    }
    return best !== undefined && best.rank[0] > 0 && avoid.size > 0 ? undefined : best;
  }

  #rank(partition: number, leader: number): Candidate['rank'] {
    const now = this.#options.now();
    const pending = this.#pending.get(leader);
    const oldest = pending?.values().next().value;
    const isLate = oldest !== undefined && now - oldest.since > this.lateMs;
    const restsUntil = Math.max(
      this.#partitionRests.get(keyOf(partition, leader))?.until ?? 0,
      this.#leaderRests.get(leader)?.until ?? 0,
    );
    return [isLate ? 2 : restsUntil > now ? 1 : 0, pending?.size ?? 0];
  }

  #begin(partition: number, leader: number): ChosenPartition {
    const { now } = this.#options;
    const append = { since: now() };
    const pending = this.#pending.get(leader) ?? new Set();
    this.#pending.set(leader, pending.add(append));
    const key = keyOf(partition, leader);
    return {
      partition,
      leader,
      answered: () => {
        pending.delete(append);
        this.#lateness.observe(now() - append.since);
        this.#partitionRests.delete(key);
        this.#leaderRests.delete(leader);
      },
      failed: (outcome) => {
        pending.delete(append);
        // Do not let the partition rest: it is healthy, only the records are too large.
        if (outcome === 'tooLarge') return;
        this.#partitionRests.set(key, restAfter(this.#partitionRests.get(key), now()));
        // A broker that refused is healthy. A broker that did not respond rests with all its partitions.
        const saidNothing = outcome === 'unknown' || now() - append.since > this.lateMs;
        if (saidNothing) this.#leaderRests.set(leader, restAfter(this.#leaderRests.get(leader), now()));
      },
    };
  }
}

function keyOf(partition: number, leader: number): string {
  return `${partition}/${leader}`;
}

function isLess([healthA, pendingA]: Candidate['rank'], [healthB, pendingB]: Candidate['rank']): boolean {
  return healthA < healthB || (healthA === healthB && pendingA < pendingB);
}

function restAfter(last: Rest | undefined, now: number): Rest {
  const failures = (last?.failures ?? 0) + 1;
  const ms = Math.min(rests.maximumMs, rests.minimumMs * 2 ** Math.min(failures - 1, 10));
  return { until: now + ms, failures };
}
