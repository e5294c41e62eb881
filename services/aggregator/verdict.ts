import type { CountedLog } from '#contract/countedLog.ts';
import type { Health, Verdict } from '#contract/verdict.ts';
import { lawViolation } from '#core/law.ts';
import type { OwnedBooks, PartitionHalt, RecountResult } from '#services/ledger/port.ts';
import type { HaltReason } from './prepare.ts';

/** The facts that the verdict is made from. */
export interface VerdictFacts {
  readonly kafka: Health;
  readonly store: Health;
  readonly durability: Health;
  /** Number of partitions of the topic; undefined until it was read. */
  readonly partitions?: number | undefined;
  /** The counted log; undefined until `identify` stored it in PostgreSQL. */
  readonly log?: CountedLog | undefined;
  /** The halts that this process knows, by partition. */
  readonly halts: ReadonlyMap<number, PartitionHalt>;
  /** Partitions that have lag but make no progress, whether they are assigned to this process or not. */
  readonly stuck?: Verdict['stuck'];
  /** Offsets, counters and halts in PostgreSQL. Undefined until they were read for the first time. */
  readonly books: readonly OwnedBooks[] | undefined;
  /** The newest recount; undefined until the first recount has ended. */
  readonly recount: RecountResult | undefined;
  /** Why the ledger cannot be compared with the totals. Undefined if the last comparisons worked. */
  readonly recountProblem?: string | undefined;
}

/** Says whether the totals are exact; null while that is unknown. Totals with lag can be exact. */
export interface Exactness {
  readonly exact: boolean | null;
  readonly reason: string;
  readonly message: string;
  /** The message without numbers that grow. Absent if the message has no such number. */
  readonly steadyMessage?: string;
}

/**
 * Halts after which the totals are still exact. Counting stops before a record of a newer schema. Every record
 * before it was counted correctly, and only the lag grows.
 */
const harmlessHalts: ReadonlySet<string> = new Set<HaltReason>(['RecordTooNew']);

/** Reasons that mean that the counted topic is gone. How many of its records were not counted is then unknown. */
const lostLog: ReadonlySet<string> = new Set(['TopicMissing', 'LogChanged']);

/** Decides whether the total is exact; no other code does. The first rule that fails gives the reason. */
export function decideExactness(facts: VerdictFacts): Exactness {
  if (!facts.store.ok) return unknown(facts.store.reason, `the ledger cannot be read: ${facts.store.message}`);
  if (facts.books === undefined || facts.recount === undefined) {
    if (!facts.kafka.ok) return unknown(facts.kafka.reason, `nothing was verified yet: ${facts.kafka.message}`);
    if (facts.recountProblem !== undefined) return unknown('RecountFailed', facts.recountProblem);
    return unknown(
      'Recounting',
      'the ledger is being compared with the totals: this takes about 0.7 s per million additions since the last checkpoint',
    );
  }
  const [difference] = facts.recount.differences;
  if (difference !== undefined) {
    const advice = 'Another program changed the tables. Run sumctl verify, and compare with a backup';
    const steadyMessage = `${difference.summary}. ${advice}`;
    return { ...notExact('RecountDiffers', `${difference.message}. ${advice}`), steadyMessage };
  }
  if (facts.recountProblem !== undefined) return unknown('RecountFailed', facts.recountProblem);
  for (const books of facts.books) {
    const violation = lawViolation(books);
    if (violation !== undefined) return notExact('LawViolated', violation);
  }
  // PostgreSQL has the halts of all replicas and of earlier processes, but new halts of this process may be missing.
  const halts = [...facts.books.flatMap(({ halt }) => halt ?? []), ...facts.halts.values()];
  const harmful = halts.find(({ reason }) => !harmlessHalts.has(reason));
  if (harmful !== undefined) return notExact(harmful.reason, harmful.message);
  const withParked = facts.books.find((books) => books.parked > 0n);
  if (withParked !== undefined) {
    const { partition, parked } = withParked;
    const [records, are, their] = parked === 1n ? ['record', 'is', 'its'] : ['records', 'are', 'their'];
    return notExact(
      'RecordsParked',
      `partition ${partition}: ${parked} ${records} could not be counted and ${are} kept in table parked; ` +
        `see ${their} reason column`,
    );
  }
  if (!facts.kafka.ok && lostLog.has(facts.kafka.reason)) return unknown(facts.kafka.reason, facts.kafka.message);
  const applied = facts.books.reduce((sum, books) => sum + books.applied, 0n);
  const { length: partitions } = facts.books;
  const counted = `${applied} ${applied === 1n ? 'addition is' : 'additions are'} counted once`;
  return {
    exact: true,
    reason: 'Exact',
    message: `${counted}; the conservation law holds on ${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`,
    steadyMessage: 'every record has one disposition and the ledger sums to the totals',
  };
}

/** Builds the published verdict. Its message has no number that grows, because each change is written to Kubernetes. */
export function buildVerdict(facts: VerdictFacts, at: Date): Verdict {
  const { exact, reason, message, steadyMessage = message } = decideExactness(facts);
  return {
    at: at.toISOString(),
    exact,
    reason,
    message: cut(steadyMessage),
    kafka: cutHealth(facts.kafka),
    store: cutHealth(facts.store),
    durability: cutHealth(facts.durability),
    halts: [...haltsOf(facts)]
      .toSorted(([left], [right]) => left - right)
      .slice(0, 64)
      .map(([partition, halt]) => ({ partition, reason: halt.reason, message: cut(halt.message) })),
    ...(facts.stuck === undefined || facts.stuck.length === 0
      ? {}
      : { stuck: facts.stuck.slice(0, 64).map((one) => ({ ...one, message: cut(one.message) })) }),
    // `drained` is for a suspended pipeline. The resource has no field for that yet.
    drained: false,
    ...(facts.partitions === undefined ? {} : { partitions: facts.partitions }),
    ...(facts.log === undefined ? {} : { log: facts.log }),
  };
}

/**
 * Returns all known halts by partition, because a partition stays halted when it moves to another replica. If
 * PostgreSQL cannot be read now, the halts that were read last may be outdated and are left out.
 */
function haltsOf({ store, books = [], halts }: VerdictFacts): Map<number, PartitionHalt> {
  const found = new Map<number, PartitionHalt>();
  for (const { partition, halt } of store.ok ? books : []) if (halt !== undefined) found.set(partition, halt);
  for (const [partition, halt] of halts) found.set(partition, halt);
  return found;
}

/** Returns whether two verdicts are equal except for their times. */
export function isSameVerdict(one: Verdict, other: Verdict): boolean {
  return JSON.stringify({ ...one, at: '' }) === JSON.stringify({ ...other, at: '' });
}

function unknown(reason: string, message: string): Exactness {
  return { exact: null, reason, message };
}

function notExact(reason: string, message: string): Exactness {
  return { exact: false, reason, message };
}

function cutHealth(health: Health): Health {
  return { ...health, message: cut(health.message) };
}

/** Cuts a message to the maximum length of the contract. */
function cut(message: string): string {
  return message.slice(0, 2048);
}
