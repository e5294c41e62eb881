import type { CountedLog } from '#contract/countedLog.ts';
import type { Health, Verdict } from '#contract/verdict.ts';
import { durabilityHealth } from '#services/eventlog/durability.ts';
import type { TopicSettings } from '#services/eventlog/port.ts';
import type { OwnedBooks, PartitionHalt, PartitionRecount, RecountResult } from '#services/ledger/port.ts';
import { buildVerdict, decideExactness, type Exactness, isSameVerdict, type VerdictFacts } from './verdict.ts';

const connecting: Health = { ok: false, reason: 'Unknown', message: 'not connected yet' };

/**
 * Everything that this process knows, in one place: sessions report facts, all other code reads judgements. `onVerdict`
 * is called when the verdict changes, but not before both Kafka and PostgreSQL have been tried.
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

  /** True once the ledger was compared with the totals; at that time Kafka was reachable too. */
  get wasVerified(): boolean {
    return this.#recount !== undefined;
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
    this.changed();
  }

  /** Replaces what the last recount found in one partition; what it found in others stays. */
  recounted({ logEpoch, partition, differences }: PartitionRecount): void {
    if (this.#recount === undefined) return;
    const others = this.#recount.differences.filter((one) => one.logEpoch !== logEpoch || one.partition !== partition);
    this.recount = { ...this.#recount, differences: [...others, ...differences] };
  }

  /**
   * Halts belong to the partitions of a session; they stay known after its end, until the next session replaces them.
   */
  set halts(read: () => ReadonlyMap<number, PartitionHalt>) {
    this.#halts = read;
    this.changed();
  }

  /** Partitions of this process that have records but make no progress. */
  set stuck(stuck: NonNullable<Verdict['stuck']>) {
    this.#stuck = stuck;
    this.changed();
  }

  decideExactness(): Exactness {
    return decideExactness(this.#facts());
  }

  /** Call when a fact may have changed: publishes the verdict if it differs. */
  changed(): void {
    // Kafka is not contacted before the ledger is open.
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
    };
  }
}
