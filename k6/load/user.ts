import type { AddOutcome, LoadAddition, LoadApi, Protocol } from './api.ts';
import { Journal } from './journal.ts';
import type { Measure } from './measures.ts';
import { integerBetween, type Random, randomDecimal, requestIdAt } from './random.ts';
import type { LoadMix } from './scenarios.ts';
import { type Verification, verifyJournal } from './verify.ts';

export interface VirtualUserOptions {
  /** Number of the user, unique in the run. It is part of the names of the user's series. */
  readonly id: number;
  /** Name of the run, unique among the runs against one pipeline. */
  readonly runId: string;
  readonly mix: LoadMix;
  readonly api: LoadApi;
  readonly measure: Measure;
  readonly random: Random;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Called immediately for every fault. */
  readonly complain: (problem: string) => void;
}

/** How long an addition without a response is repeated, in milliseconds: longer than a rolling restart of Kafka. */
const retryForMs = 60_000;
const retryPauseMs = { minimum: 100, maximum: 1_000 };
/**
 * How long a final check repeats one read, in milliseconds. After the load the aggregators may still need time to count
 * the lag.
 */
const verifyPatienceMs = 120_000;
/** Maximum number of ids that one user reads at the end. With a thousand users this makes a hundred thousand reads. */
const verifyIdsMax = 100;

/** One user of the load: sends additions to its own series and writes a journal of the acknowledged additions. */
export class VirtualUser {
  readonly #options: VirtualUserOptions;
  readonly #journal = new Journal();

  constructor(options: VirtualUserOptions) {
    this.#options = options;
  }

  /** Makes one visit: one or more additions, with think time in between. */
  async visit(): Promise<void> {
    const { mix, random, pause } = this.#options;
    const additions = integerBetween(random, 1, mix.additionsPerVisitMax);
    for (let sent = 0; sent < additions; sent++) {
      if (sent > 0) await pause(integerBetween(random, 0, mix.thinkMsMax));
      await this.#addOne();
    }
  }

  /** Sends each addition without a response a last time, then compares the journal with the totals of the pipeline. */
  async verify(): Promise<Verification> {
    const { api, measure, now, pause, complain } = this.#options;
    for (const addition of this.#journal.open) await this.#send(addition, 'http');
    const options = { api, journal: this.#journal, patienceMs: verifyPatienceMs, idsMax: verifyIdsMax, now, pause };
    const verification = await verifyJournal(options);
    measure('sumpipeline_journal_verified', verification.acknowledged);
    measure('sumpipeline_journal_agrees', verification.problems.length === 0 ? 1 : 0);
    for (const problem of verification.problems) complain(problem);
    return verification;
  }

  async #addOne(): Promise<void> {
    const { id, runId, mix, random, now } = this.#options;
    const addition = {
      requestId: requestIdAt(now(), random),
      series: `load-${runId}-${id}-${integerBetween(random, 1, mix.seriesPerUser)}`,
      a: randomDecimal(random),
      b: randomDecimal(random),
    };
    const protocol = random() < mix.grpcShare ? 'grpc' : 'http';
    const outcome = await this.#send(addition, protocol);
    if (outcome.kind !== 'acknowledged') return;
    // Send a copy, as a client that lost the response does: the copy must not count.
    if (random() < mix.repeatShare) await this.#send(addition, protocol === 'grpc' ? 'http' : 'grpc');
    if (random() < mix.freshnessShare) await this.#measureFreshness(addition.series, outcome);
  }

  /** Sends the same id until a response comes, as every client should do. */
  async #send(addition: LoadAddition, protocol: Protocol): Promise<AddOutcome> {
    const { api, measure, now, pause, random, complain } = this.#options;
    this.#journal.sent(addition);
    const until = now() + retryForMs;
    for (;;) {
      const startedAt = now();
      const outcome = await api.add(protocol, addition);
      measure('sumpipeline_additions_answered', outcome.kind === 'retry' ? 0 : 1);
      if (outcome.kind === 'acknowledged') {
        measure('sumpipeline_acknowledgement', now() - startedAt);
        this.#acknowledged(addition, outcome);
        return outcome;
      }
      if (outcome.kind === 'refused') {
        this.#journal.refused(addition);
        complain(`${addition.requestId} was refused: ${outcome.reason}`);
        measure('sumpipeline_journal_agrees', 0);
        return outcome;
      }
      if (now() >= until) return outcome;
      await pause(integerBetween(random, retryPauseMs.minimum, retryPauseMs.maximum));
    }
  }

  #acknowledged(addition: LoadAddition, outcome: AddOutcome & { kind: 'acknowledged' }): void {
    const { measure, complain } = this.#options;
    const { isNew, problem } = this.#journal.acknowledged(addition, outcome);
    if (isNew) measure('sumpipeline_journal_acknowledged', 1);
    if (problem === undefined) return;
    complain(problem);
    measure('sumpipeline_journal_agrees', 0);
  }

  async #measureFreshness(series: string, { position }: AddOutcome & { kind: 'acknowledged' }): Promise<void> {
    const { api, measure, now } = this.#options;
    const startedAt = now();
    const total = await api.readTotal(series, [position]);
    // If the read got no response, measure how long it waited. Otherwise the slowest totals would not be measured.
    if (total.kind === 'found' || total.kind === 'retry') measure('sumpipeline_freshness', now() - startedAt);
  }
}
