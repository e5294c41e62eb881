import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { Expectations } from '#kube/cache/expectations.ts';
import type { Reflector } from '#kube/cache/reflector.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { type KubeObject, keyOf, type Live } from '#kube/client/object.ts';
import type { Clock } from '#kube/clock.ts';
import { passResults, type RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import { DeadlineError } from '#platform/time.ts';
import { failSpan, inSpan } from '#platform/tracing/spans.ts';
import { type Outcome, outcomeOfError } from './outcome.ts';
import { WorkQueue } from './queue.ts';

export interface ReconcileResult {
  /** The next pass runs after this time even if nothing changed. If absent, only watch events start the next pass. */
  readonly requeueAfterMs?: number | undefined;
}

/** Arguments of one pass. */
export interface ReconcileRun {
  /** Aborts when the process stops or loses its leadership, or when the pass takes too long. */
  readonly signal: AbortSignal;
  /** Client for this pass. It refuses writes if this process does not lead, and reports writes to `Expectations`. */
  readonly client: KubeClient;
  /** Logger that adds the names of the controller and of the key to every log line. */
  readonly logger: Logger;
}

/** Reconciles one key (`namespace/name` of the primary kind). The object may or may not exist. */
export type Reconcile = (key: string, run: ReconcileRun) => Promise<ReconcileResult>;

export interface ControllerOptions<T extends KubeObject> {
  /** Name in lower case, which is also a label of metrics. */
  readonly name: string;
  /** The kind whose objects are reconciled. Each change enqueues the key of the object. */
  readonly primary: Reflector<T>;
  readonly reconcile: Reconcile;
  /** Returns the keys of other primary objects. Their passes depend on this object, so its changes enqueue them too. */
  readonly dependentKeysOf?: (object: Live<T>) => readonly string[];
  /** Maximum number of passes at the same time. Default 4. */
  readonly concurrency?: number;
  /** A pass is aborted after this time, ms. Default 120,000. */
  readonly passTimeoutMs?: number;
}

export interface ControllerDependencies {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

/** Arguments of the workers for one term of leadership. */
export interface Term {
  /** When this signal aborts, no new pass begins. Running passes continue. */
  readonly stopTaking: AbortSignal;
  /** When this signal aborts, running passes are aborted. */
  readonly abortPasses: AbortSignal;
  /** Throws if this process may not write. */
  readonly assertLeading: () => void;
}

/**
 * Reflectors add keys to a queue, and workers run `reconcile` for them. A key never has two passes at the same time.
 */
export class Controller<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly #options: ControllerOptions<T>;
  readonly #dependencies: ControllerDependencies;
  readonly #queue: WorkQueue;
  readonly #expectations: Expectations;
  readonly #reflectors = new Set<Reflector>();

  constructor(options: ControllerOptions<T>, dependencies: ControllerDependencies) {
    this.name = options.name;
    this.#options = options;
    this.#dependencies = dependencies;
    const { clock, random, metrics } = dependencies;
    this.#queue = new WorkQueue({ name: options.name, clock, random, metrics });
    for (const result of passResults) {
      metrics.controller_runtime_reconcile_total.inc({ controller: options.name, result }, 0);
    }
    this.#expectations = new Expectations(clock);
    this.watch(options.primary, (object) => [keyOf(object), ...(options.dependentKeysOf?.(object) ?? [])]);
  }

  /**
   * When an object of the reflector changes, enqueues the keys that `keysOf` returns for the old and the new state of
   * the object. When the availability of the reflector changes, enqueues every primary object. A second call for the
   * same reflector does nothing, so every pass may call this for the namespaces that it reads.
   */
  watch<S extends KubeObject>(reflector: Reflector<S>, keysOf: (object: Live<S>) => readonly string[]): void {
    const known = reflector as unknown as Reflector;
    if (this.#reflectors.has(known)) return;
    this.#reflectors.add(known);
    reflector.onChange((change) => {
      for (const key of keysOf(change.object)) this.#queue.add(key);
      if (change.type === 'modified') for (const key of keysOf(change.previous)) this.#queue.add(key);
    });
    // The primary kind needs no handler for its availability: its objects are enqueued when they are added to the
    // store.
    if (known !== (this.#options.primary as unknown)) reflector.onAvailability(() => this.enqueueAll());
  }

  enqueue(key: string): void {
    this.#queue.add(key);
  }

  enqueueAll(): void {
    for (const object of this.#options.primary.store.list()) this.#queue.add(keyOf(object));
  }

  /** Runs passes until `stopTaking` aborts and the running passes have ended. */
  async run(term: Term): Promise<void> {
    const workers = Array.from({ length: this.#options.concurrency ?? 4 }, () => this.#work(term));
    await Promise.all(workers);
  }

  close(): void {
    this.#queue.close();
  }

  /**
   * Message if a pass ignores its aborted signal and has run for more than twice its time limit. Otherwise undefined.
   */
  get stuckProblem(): string | undefined {
    const { oldestActiveMs } = this.#queue.snapshot();
    const isStuck = oldestActiveMs > this.#passTimeoutMs * 2;
    return isStuck ? `a pass of ${this.name} has been running for ${Math.round(oldestActiveMs / 1000)} s` : undefined;
  }

  snapshot() {
    return { ...this.#queue.snapshot(), unseenWrites: this.#expectations.size };
  }

  async #work(term: Term): Promise<void> {
    for (;;) {
      const key = await this.#queue.take(term.stopTaking);
      if (key === undefined) return;
      try {
        if (this.#isCurrent(key)) this.#requeue(key, await this.#pass(key, term));
      } finally {
        this.#queue.done(key);
      }
    }
  }

  /** Whether the stores show all writes of earlier passes over the key. If not, enqueues the key again after 50 ms. */
  #isCurrent(key: string): boolean {
    const { unseen, lost } = this.#expectations.check(key);
    if (lost.length > 0) {
      this.#dependencies.logger.warn(
        { controller: this.name, key, lost },
        'a watch did not show our own writes: the watch is down, or its selector does not match them',
      );
    }
    if (unseen > 0) this.#queue.addAfter(key, 50);
    return unseen === 0;
  }

  #pass(key: string, term: Term): Promise<Outcome> {
    const name = `reconcile ${this.name}`;
    const attributes = { 'sumpipeline.key': key };
    return inSpan({ name, kind: SpanKind.INTERNAL, parent: ROOT_CONTEXT, attributes }, async (span) => {
      const outcome = await this.#runPass(key, term);
      span.setAttribute('sumpipeline.result', outcome.result);
      if (outcome.result === 'retry') failSpan(span, outcome.result);
      return outcome;
    });
  }

  async #runPass(key: string, term: Term): Promise<Outcome> {
    const { client, clock, logger } = this.#dependencies;
    const pass = new AbortController();
    const abort = () => pass.abort(term.abortPasses.reason);
    if (term.abortPasses.aborted) abort();
    term.abortPasses.addEventListener('abort', abort, { once: true });
    const timeoutMs = this.#passTimeoutMs;
    const cancel = clock.after(timeoutMs, () => pass.abort(new DeadlineError(`the pass over ${key}`, timeoutMs)));
    const passLogger = logger.child({ controller: this.name, key });
    try {
      const result = await this.#options.reconcile(key, {
        signal: pass.signal,
        logger: passLogger,
        client: client.bind({
          signal: pass.signal,
          beforeWrite: term.assertLeading,
          afterWrite: (write) => this.#expectations.expect(key, this.#reflectors, write),
        }),
      });
      return { result: 'done', requeueAfterMs: result.requeueAfterMs };
    } catch (error) {
      const outcome = outcomeOfError(error, term.abortPasses.aborted);
      const level = outcome.result === 'retry' ? 'warn' : 'info';
      passLogger[level]({ error, outcome }, 'pass ended with an error');
      return outcome;
    } finally {
      cancel();
      term.abortPasses.removeEventListener('abort', abort);
    }
  }

  #requeue(key: string, outcome: Outcome): void {
    const labels = { controller: this.name, result: outcome.result };
    this.#dependencies.metrics.controller_runtime_reconcile_total.inc(labels);
    switch (outcome.result) {
      case 'retry':
        this.#queue.retry(key, outcome.minimumMs);
        return;
      case 'done':
      case 'waiting':
      case 'stalled':
        this.#queue.forget(key);
        if (outcome.requeueAfterMs !== undefined) this.#queue.addAfter(key, outcome.requeueAfterMs);
        return;
      case 'cancelled':
        return;
      default:
        outcome satisfies never;
    }
  }

  get #passTimeoutMs(): number {
    return this.#options.passTimeoutMs ?? 120_000;
  }
}
