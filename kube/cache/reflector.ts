import type { KubeClient } from '#kube/client/client.ts';
import type { Discovery } from '#kube/client/discovery.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import { type KubeObject, type Live, type Resource, resourceId } from '#kube/client/object.ts';
import { type Clock, sleep } from '#kube/clock.ts';
import { failureClasses, type RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import { backoffMs } from '#platform/time.ts';
import { type Change, type Indexes, Store, type StoreReader } from './store.ts';

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  /** Watches only this namespace. Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Keeps only `metadata` of each object. Default false. */
  readonly metadataOnly?: boolean | undefined;
  /** Keeps `metadata.managedFields`, which is often half of an object. Default false. */
  readonly keepManagedFields?: boolean | undefined;
  readonly indexes?: Indexes<T> | undefined;
  /**
   * Reports when a kind that was not installed is installed. The reflector then lists it at once. Without `discovery`
   * the reflector retries about once a minute.
   */
  readonly discovery?: Discovery | undefined;
  readonly clock: Clock;
  /** Returns a random number in [0, 1). It spreads retries of several reflectors over time. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  /** The server ends a watch after a random time from this value to twice this value, seconds. Default 300. */
  readonly watchSeconds?: number | undefined;
  /**
   * A watch that receives nothing for this time counts as dead, ms. Default 150,000, because the server sends a
   * bookmark about every 60 s.
   */
  readonly silenceMs?: number | undefined;
  /** Objects per page of a list. Default 500. */
  readonly pageSize?: number | undefined;
}

/**
 * What a store shows:
 * - `pending`: nothing, because no list has succeeded yet.
 * - `synced`: the collection. During an outage of the API server the store shows the last known state.
 * - `notInstalled`: nothing, because the server does not serve the kind (reason `CRDNotInstalled`).
 * - `forbidden`: the last state that we could read. We have no permission to list the kind.
 */
export type Availability = 'pending' | 'synced' | 'notInstalled' | 'forbidden';

/**
 * Keeps a store equal to the server's collection of one kind:
 *
 * 1. List all objects.
 * 2. Watch from the version of the list.
 * 3. When the watch ends or breaks, watch again from the last version that the store has seen.
 * 4. If the server refuses this version as too old, begin again with a list.
 *
 * `run` ends only when its signal aborts. After network errors, restarts of the server, expired versions, missing kinds
 * and missing permissions it retries with backoff. An error that a handler throws is logged.
 */
export class Reflector<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly namespace: string | undefined;
  readonly #options: ReflectorOptions<T>;
  readonly #store: Store<T>;
  readonly #changeHandlers = new Set<(change: Change<T>) => void>();
  readonly #availabilityHandlers = new Set<(availability: Availability) => void>();
  readonly #refreshes: (() => void)[] = [];
  #availability: Availability = 'pending';
  /** `refresh` aborts this controller. The current list, watch or wait of `run` ends, and `run` lists again at once. */
  #interrupt = new AbortController();
  #needsList = true;
  /**
   * Number of consecutive failures of the same kind. The wait before a retry grows with it. A failure of another kind
   * begins with a short wait again.
   */
  #streak = { kind: '', count: 0 };
  #problem: string | undefined;
  /**
   * Monotonic time, ms. If the current list, watch or wait of `run` has not ended by this time, `run` counts as stuck.
   */
  #stepDeadlineMs = Number.POSITIVE_INFINITY;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.resource = options.resource;
    this.namespace = options.namespace;
    this.#store = new Store(options.indexes);
    this.#startCounters(options.metrics);
  }

  get store(): StoreReader<T> {
    return this.#store;
  }

  get availability(): Availability {
    return this.#availability;
  }

  /**
   * Message of the last failure. While there is a message, the store may be out of date. Undefined after a list or
   * watch has succeeded.
   */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Message if a list, watch or wait of `run` exceeds its time limit. Otherwise undefined. */
  get stuckProblem(): string | undefined {
    const lateMs = this.#options.clock.monotonicMs() - this.#stepDeadlineMs;
    return lateMs > 0 ? `the watch of ${this.#name} has been stuck for ${Math.round(lateMs / 1000)} s` : undefined;
  }

  /**
   * Whether the store shows this write or a later state. A write without `resourceVersion` is a deletion. The store
   * shows it when it no longer has the object with this uid.
   */
  hasSeen(write: { key: string; uid: string | undefined; resourceVersion: string | undefined }): boolean {
    if (write.resourceVersion !== undefined) return this.#store.hasSeen(write.resourceVersion);
    return this.#store.get(write.key)?.metadata.uid !== write.uid;
  }

  /** Calls the handler after each change of the store, and at once with `added` for objects that are already in it. */
  onChange(handler: (change: Change<T>) => void): () => void {
    this.#changeHandlers.add(handler);
    for (const object of this.#store.list()) this.#call(handler, { type: 'added', object });
    return () => this.#changeHandlers.delete(handler);
  }

  onAvailability(handler: (availability: Availability) => void): () => void {
    this.#availabilityHandlers.add(handler);
    return () => this.#availabilityHandlers.delete(handler);
  }

  /**
   * Lists all objects again. Resolves when the result is in the store, which then shows everything that was written
   * before this call. Also resolves if the kind is absent or forbidden. If the signal aborts, rejects with its reason.
   */
  refresh(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = () => {
        this.#refreshes.splice(this.#refreshes.indexOf(done), 1);
        reject(signal.reason);
      };
      const done = () => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#refreshes.push(done);
      this.#interrupt.abort();
    });
  }

  /** Runs until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#interrupt = new AbortController();
      if (this.#refreshes.length > 0) this.#needsList = true;
      const step = AbortSignal.any([signal, this.#interrupt.signal]);
      const crd = this.#options.discovery?.stateOf(this.resource) ?? 'unknown';
      try {
        if (this.#needsList) await this.#list(step);
        await this.#watch(step);
      } catch (error) {
        if (step.aborted) continue;
        await this.#recover(error, crd, step);
      }
    }
    this.#stepDeadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Sets all counters to 0, because `rate()` does not see the first increment of a series that was absent before. */
  #startCounters(metrics: RuntimeMetrics): void {
    const labels = { resource: this.#id };
    metrics.reflector_lists_total.inc(labels, 0);
    metrics.reflector_watches_total.inc(labels, 0);
    metrics.reflector_events_total.inc(labels, 0);
    metrics.reflector_handler_failures_total.inc(labels, 0);
    for (const name of failureClasses) metrics.reflector_failures_total.inc({ ...labels, class: name }, 0);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, namespace, labelSelector, fieldSelector, metadataOnly, pageSize = 500 } = this.#options;
    const waiting = this.#refreshes.slice();
    const items: Live<T>[] = [];
    let resourceVersion = '';
    let token: string | undefined;
    do {
      this.#expectStepWithin(60_000);
      const page = await client.list(this.resource, {
        namespace,
        labelSelector,
        fieldSelector,
        metadataOnly,
        limit: pageSize,
        continue: token,
        signal,
      });
      for (const item of page.items) items.push(this.#trim(item));
      // Every page has the version of the first page.
      resourceVersion = page.resourceVersion;
      token = page.continue;
    } while (token !== undefined);
    this.#options.metrics.reflector_lists_total.inc({ resource: this.#id });
    this.#needsList = false;
    this.#isWell();
    const changes = this.#store.replace(items, resourceVersion);
    this.#setAvailability('synced');
    for (const change of changes) this.#emit(change);
    this.#release(waiting);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, namespace, labelSelector, fieldSelector, metadataOnly, clock, random } = this.#options;
    const timeoutSeconds = Math.round((this.#options.watchSeconds ?? 300) * (1 + random()));
    const startedAtMs = clock.monotonicMs();
    this.#expectStepWithin((timeoutSeconds + 120) * 1000);
    this.#options.metrics.reflector_watches_total.inc({ resource: this.#id });
    try {
      const events = client.watch(this.resource, {
        namespace,
        labelSelector,
        fieldSelector,
        metadataOnly,
        resourceVersion: this.#store.resourceVersion ?? '0',
        timeoutSeconds,
        silenceMs: this.#options.silenceMs ?? 150_000,
        signal,
        onOpen: () => this.#isWell(),
      });
      for await (const event of events) {
        if (event.type !== 'BOOKMARK') {
          this.#options.metrics.reflector_events_total.inc({ resource: this.#id });
          this.#trim(event.object);
        }
        for (const change of this.#store.applyEvent(event)) this.#emit(change);
      }
    } finally {
      if (clock.monotonicMs() - startedAtMs > steadyWatchMs) this.#streak = { kind: '', count: 0 };
    }
    // A server that starts or stops may end every watch at once. Wait, so that we do not send it requests in a tight
    // loop.
    if (clock.monotonicMs() - startedAtMs < 1000) {
      await this.#wait(this.#backoff(this.#countOf('ended'), 500, 30_000), signal);
    }
  }

  /** Decides from the class of the failure whether the next step is a list or a watch. Waits before that step. */
  async #recover(error: unknown, crd: string, signal: AbortSignal): Promise<void> {
    const kind = isKubernetesError(error) ? error.class : 'unexpected';
    const message = error instanceof Error ? error.message : String(error);
    this.#options.metrics.reflector_failures_total.inc({ resource: this.#id, class: kind });
    // A kind that is not installed is not a failure. `#setAvailability` logs it.
    const isAbsent = kind === 'notFound' && !isInstalled(crd);
    if (this.#problem !== message && !isAbsent) {
      this.#options.logger.warn({ resource: this.#name, error }, 'the watch failed; it is retried');
    }
    this.#problem = message;
    const attempt = this.#countOf(kind);
    if (kind === 'transient' || kind === 'tooManyRequests') {
      // A watch from our version may fail every time. After several attempts, begin again with a list.
      if (attempt >= 4) this.#needsList = true;
      const asked = isKubernetesError(error) ? (error.retryAfterMs ?? 0) : 0;
      return this.#wait(Math.max(asked, this.#backoff(attempt, 500, 30_000)), signal);
    }
    // All other failures need a new list: the version expired, an event could not be read, or the kind is gone.
    this.#needsList = true;
    if (kind === 'notFound') return this.#waitForKind(crd, attempt, signal);
    if (kind === 'forbidden') {
      // Set `forbidden` only after several attempts: an API server that starts has not read the roles, and refuses all
      // users except administrators for some seconds.
      if (attempt >= 4) {
        this.#setAvailability('forbidden');
        this.#release(this.#refreshes.slice());
      }
      return this.#wait(this.#backoff(attempt, 250, 60_000), signal);
    }
    // The first list after an expired version needs no wait.
    if (kind !== 'gone' || attempt > 0) await this.#wait(this.#backoff(attempt, 500, 30_000), signal);
  }

  async #waitForKind(crd: string, attempt: number, signal: AbortSignal): Promise<void> {
    const { discovery, clock, random } = this.#options;
    const hasCrd = isInstalled(crd);
    // If the CRD exists, the server may not serve the kind yet, or may be starting. Do not report objects as deleted
    // yet.
    if (hasCrd && attempt < 3) return this.#wait(this.#backoff(attempt, 200, 4_000), signal);
    const changes = this.#store.replace([], this.#store.resourceVersion ?? '0');
    this.#setAvailability('notInstalled');
    for (const change of changes) this.#emit(change);
    this.#release(this.#refreshes.slice());
    this.#problem = undefined;
    // The server serves a kind some seconds after the last event of its CRD. So if the CRD exists, retry for about 15
    // s. If our version is still not served, wait until the CRD changes.
    if (hasCrd && attempt < 8) return this.#wait(this.#backoff(attempt, 200, 4_000), signal);
    this.#stepDeadlineMs = Number.POSITIVE_INFINITY;
    if (discovery === undefined) return sleep(clock, 60_000 * (0.75 + random() / 2), signal);
    await discovery.whenChanged(this.resource, crd, signal);
    this.#streak = { kind: '', count: 0 };
  }

  #countOf(kind: string): number {
    if (this.#streak.kind !== kind) this.#streak = { kind, count: 0 };
    this.#streak.count += 1;
    return this.#streak.count - 1;
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#expectStepWithin(ms + 60_000);
    return sleep(this.#options.clock, ms, signal);
  }

  #backoff(attempt: number, minimumMs: number, maximumMs: number): number {
    return backoffMs(attempt, { minimumMs, maximumMs, random: this.#options.random });
  }

  #isWell(): void {
    if (this.#problem !== undefined) this.#options.logger.info({ resource: this.#name }, 'the watch works again');
    this.#problem = undefined;
  }

  #expectStepWithin(ms: number): void {
    this.#stepDeadlineMs = this.#options.clock.monotonicMs() + ms;
  }

  #trim(object: Live<T>): Live<T> {
    if (this.#options.keepManagedFields !== true) delete object.metadata.managedFields;
    return object;
  }

  #release(waiting: (() => void)[]): void {
    for (const done of waiting) {
      this.#refreshes.splice(this.#refreshes.indexOf(done), 1);
      done();
    }
  }

  #setAvailability(availability: Availability): void {
    if (availability === this.#availability) return;
    this.#availability = availability;
    this.#options.logger.info({ resource: this.#name, availability, objects: this.#store.size }, 'watch state changed');
    for (const handler of this.#availabilityHandlers) this.#call(handler, availability);
  }

  #emit(change: Change<T>): void {
    this.#options.metrics.reflector_objects.set(
      {
        resource: this.#id,
        namespace: this.namespace ?? '',
      },
      this.#store.size,
    );
    for (const handler of this.#changeHandlers) this.#call(handler, change);
  }

  /** Calls a handler and logs an error that it throws: the error must not end the watch. */
  #call<V>(handler: (value: V) => void, value: V): void {
    try {
      handler(value);
    } catch (error) {
      this.#options.metrics.reflector_handler_failures_total.inc({ resource: this.#id });
      this.#options.logger.error({ resource: this.#name, error }, 'a handler of watch events failed');
    }
  }

  get #id(): string {
    return resourceId(this.resource);
  }

  get #name(): string {
    return this.namespace === undefined ? this.#id : `${this.#id} in ${this.namespace}`;
  }
}

/** Whether the CRD exists. `crd` is a result of `Discovery.stateOf`. */
function isInstalled(crd: string): boolean {
  return crd !== 'absent' && crd !== 'unknown';
}

/** A watch that lasted longer than this, ms, was healthy: the wait after its failure is short again. */
const steadyWatchMs = 10_000;
