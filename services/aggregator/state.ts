import type { CountedLog } from '#contract/countedLog.ts';
import type { Health, Verdict } from '#contract/verdict.ts';
import { durabilityHealth } from '#services/eventlog/durability.ts';
import type { TopicSettings } from '#services/eventlog/port.ts';
import type { BooksPlace, OwnedBooks, PartitionHalt, PlaceRecount, RecountResult } from '#services/ledger/port.ts';
import { buildVerdict, decideExactness, type Exactness, isSameVerdict, type VerdictFacts } from './verdict.ts';

const connecting: Health = { ok: false, reason: 'Unknown', message: 'not connected yet' };

/**
 * Keeps everything that this process knows. Sessions report facts; other code reads the health, the exactness and the
 * verdict. Calls `onVerdict` when the verdict changes. The first call comes when PostgreSQL has failed, or when both
 * PostgreSQL and Kafka have been tried.
 */
export class AggregatorState {
  readonly #now: () => Date;
  readonly #onVerdict: (verdict: Verdict) => void;
  #kafka: Health = connecting;
  #store: Health = connecting;
  #durability: Health = { ok: true, reason: 'Unknown', message: 'the settings of the topic were not read yet' };
  #partitions: number | undefined;
  #log: CountedLog | undefined;
  #books: readonly OwnedBooks[] | undefined;
  #recount: RecountResult | undefined;
  #recountProblem: string | undefined;
  #halts: () => ReadonlyMap<number, PartitionHalt> = () => new Map();
  #stuck: Verdict['stuck'] = [];
  #published: Verdict | undefined;

  constructor(options: { now: () => Date; onVerdict: (verdict: Verdict) => void }) {
    this.#now = options.now;
    this.#onVerdict = options.onVerdict;
  }

  get kafka(): Health {
    return this.#kafka;
  }

  get store(): Health {
    return this.#store;
  }

  /** True after the first recount. Kafka has responded too: recounts begin only after that. */
  get wasVerified(): boolean {
    return this.#recount !== undefined;
  }

  /** True once Kafka has responded or failed. */
  get wasKafkaTried(): boolean {
    return this.#kafka !== connecting;
  }

  set kafka(health: Health) {
    this.#kafka = health;
    this.changed();
  }

  set store(health: Health) {
    this.#store = health;
    this.changed();
  }

  set topic(settings: TopicSettings) {
    this.#durability = durabilityHealth(settings);
    this.#partitions = settings.partitions;
    this.changed();
  }

  set log(log: CountedLog) {
    this.#log = log;
    this.changed();
  }

  set books(books: readonly OwnedBooks[]) {
    this.#books = books;
    this.changed();
  }

  set recount(result: RecountResult) {
    this.#recount = result;
    this.#recountProblem = undefined;
    this.changed();
  }

  /** Why the ledger cannot be compared with the totals. Undefined if the last comparisons worked. */
  set recountProblem(problem: string | undefined) {
    this.#recountProblem = problem;
    this.changed();
  }

  /** Replaces the differences of one partition. The differences of other partitions stay. */
  recounted(found: PlaceRecount): void {
    if (this.#recount === undefined) return;
    const others = this.#recount.differences.filter((one) => !isSamePlace(one, found));
    const differences = [...others, ...found.differences].toSorted(
      (one, other) => one.logEpoch - other.logEpoch || one.partition - other.partition,
    );
    this.#recount = { ...this.#recount, differences };
    this.changed();
  }

  /** The partitions in which the last recount found a difference. */
  get differing(): readonly BooksPlace[] {
    const found = this.#recount?.differences ?? [];
    return found.filter((one, index) => found.findIndex((other) => isSamePlace(one, other)) === index);
  }

  /**
   * Sets the function that returns the halts of the present session. The halts stay known after the session has ended,
   * until the next session replaces the function.
   */
  set halts(read: () => ReadonlyMap<number, PartitionHalt>) {
    this.#halts = read;
    this.changed();
  }

  /** Partitions that have lag but make no progress, whether they are assigned to this process or not. */
  set stuck(stuck: NonNullable<Verdict['stuck']>) {
    this.#stuck = stuck;
    this.changed();
  }

  decideExactness(): Exactness {
    return decideExactness(this.#facts());
  }

  /** Call it when a fact may have changed. Publishes the verdict if it differs from the last one. */
  changed(): void {
    // Do not publish before the first result of Kafka. If PostgreSQL works, Kafka is tried next.
    if (this.#store === connecting || (this.#store.ok && this.#kafka === connecting)) return;
    const verdict = buildVerdict(this.#facts(), this.#now());
    if (this.#published !== undefined && isSameVerdict(this.#published, verdict)) return;
    this.#published = verdict;
    this.#onVerdict(verdict);
  }

  #facts(): VerdictFacts {
    return {
      kafka: this.#kafka,
      store: this.#store,
      durability: this.#durability,
      partitions: this.#partitions,
      log: this.#log,
      halts: this.#halts(),
      stuck: this.#stuck,
      books: this.#books,
      recount: this.#recount,
      recountProblem: this.#recountProblem,
    };
  }
}

function isSamePlace(one: BooksPlace, other: BooksPlace): boolean {
  return one.logEpoch === other.logEpoch && one.partition === other.partition;
}
