import { Reflector, type ReflectorOptions } from '#kube/cache/reflector.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { createDiscovery, customResourceDefinitions, type Discovery } from '#kube/client/discovery.ts';
import { type KubeObject, type Resource, resourceId } from '#kube/client/object.ts';
import { type Clock, systemClock } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import { untilAborted } from '#platform/signals.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { type Leadership, runElection } from './election.ts';
import { checkDurations, defaultDurations, type ElectionDurations } from './lease.ts';

/*
 * The runtime in one example. All other modules of this folder are used through the modules imported here.
 *
 *   const transport = createTransport({ credentials: inClusterCredentials(process.env), clock: systemClock, metrics, userAgent });
 *   const client = new KubeClient(transport);                                                            client.ts
 *   const manager = new Manager({ client, logger, metrics, election: { lease, identity } });
 *
 *   const pipelines = manager.watch(sumPipelines);                                                      reflector.ts
 *   const deployments = manager.watch(deploymentKind, { labelSelector, indexes: { pipeline: pipelineOf }, keepManagedFields: true });
 *   const monitors = manager.watch(serviceMonitorKind, { required: false });      // may not be installed
 *   deployments.store.get({ namespace, name }) | .list() | .byIndex('pipeline', 'ns/name')   // frozen, shared
 *   monitors.availability: 'pending' | 'synced' | 'notInstalled' | 'forbidden'
 *
 *   const controller = manager.addController({ name, primary: pipelines, reconcile });                controller.ts
 *   controller.watch(deployments, (object) => pipelineOf(object));               // object -> keys 'namespace/name'
 *   // Kinds and namespaces may be added at any time, from inside a pass too; the same call gives the same reflector:
 *   controller.watch(manager.watch(kafkaTopicKind, { namespace: 'kafka', required: false }), pipelineOf);
 *
 *   reconcile: (key: string, run: { signal, client, logger }) => Promise<{ requeueAfterMs?: number }>
 *     run.client.find(kind, name) -> Live<T> | undefined        .get(kind, name) -> Live<T>
 *     run.client.apply(kind, object, { fieldManager, force, dryRun? }) -> { object: Live<T>, created: boolean }
 *     run.client.applyStatus(kind, object, { fieldManager, force }) -> Live<T>
 *     run.client.mergePatch(kind, name, patch, { fieldManager, subresource?: 'scale' }) -> Live<T>
 *     run.client.delete(kind, name, { uid, resourceVersion?, propagationPolicy? }) -> void
 *     throw new StalledError(reason, message) | new WaitingError(reason, message, { retryAfterMs? })      outcome.ts
 *     anything else thrown is retried with backoff; isKubernetesError(error, 'notFound', 'conflict', ...)  errors.ts
 *     A pass begins only after the stores show all that earlier passes over its key wrote.
 *
 *   createRecorder({...}).record({ regarding, type, reason, action, note })                            recorder.ts
 *   await manager.run(stop);                              // until the signal aborts and everything has ended
 *   manager.liveProblem() | manager.readyProblem()        // undefined if all is well; for platform/admin.ts
 *   manager.describe()                                    // what the process does and sees, for users
 */

export interface ManagerOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  /** If absent, this process leads without a Lease (tests, one-off tools). */
  readonly election?: {
    readonly lease: { readonly namespace: string; readonly name: string };
    /** Unique for each process: the name of the pod and a random part, which changes at each restart. */
    readonly identity: string;
    readonly durations?: Partial<ElectionDurations>;
  };
  /** Running passes are aborted this long after the stop signal, ms. Default 10,000. */
  readonly drainMs?: number;
  /** Default: the clock of the system. */
  readonly clock?: Clock;
  /** Returns a random number in [0, 1), for the waits before retries. Default Math.random. */
  readonly random?: () => number;
}

export type ManagerWatchOptions<T extends KubeObject> = Pick<
  ReflectorOptions<T>,
  'namespace' | 'labelSelector' | 'fieldSelector' | 'metadataOnly' | 'keepManagedFields' | 'indexes' | 'watchSeconds'
> & {
  /**
   * If true (the default), the process is not ready until this kind is synced. If false, the kind may be unavailable.
   */
  readonly required?: boolean;
};

/** Runs the reflectors, the election and the controllers of one process, and ends them in order. */
export class Manager {
  readonly client: KubeClient;
  readonly discovery: Discovery;
  readonly #options: ManagerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #reflectors = new Map<string, { reflector: Reflector; isRequired: boolean }>();
  readonly #controllers: Controller[] = [];
  readonly #running = new Set<Promise<void>>();
  /**
   * Signal that ends the reflectors. Undefined until `run` sets it; from this time on a new reflector starts at once.
   */
  #reflectorsSignal: AbortSignal | undefined;
  #isLeading = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.client = options.client;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    checkDurations({ ...defaultDurations, ...options.election?.durations });
    // This is the only reflector without `discovery`, because `discovery` is made from it.
    const crds = this.watch(customResourceDefinitions, { metadataOnly: true, required: false });
    this.discovery = createDiscovery({ crds, clock: this.#clock, random: this.#random });
  }

  /**
   * Returns the reflector for this selection of objects. A second call for the same selection returns the same
   * reflector and ignores the other options.
   */
  watch<T extends KubeObject>(resource: Resource<T>, options: ManagerWatchOptions<T> = {}): Reflector<T> {
    const { required: isRequired = true, ...selection } = options;
    const { namespace, labelSelector, fieldSelector, metadataOnly } = selection;
    const id = JSON.stringify([
      resourceId(resource),
      resource.version,
      namespace,
      labelSelector,
      fieldSelector,
      metadataOnly,
    ]);
    const known = this.#reflectors.get(id);
    if (known !== undefined) return known.reflector as unknown as Reflector<T>;
    const { client, logger, metrics } = this.#options;
    const reflector = new Reflector<T>({
      ...selection,
      client,
      resource,
      logger,
      metrics,
      clock: this.#clock,
      random: this.#random,
      discovery: this.discovery,
    });
    this.#reflectors.set(id, { reflector: reflector as unknown as Reflector, isRequired });
    if (this.#reflectorsSignal !== undefined) this.#start(reflector, this.#reflectorsSignal);
    return reflector;
  }

  addController<T extends KubeObject>(options: ControllerOptions<T>): Controller<T> {
    const { client, logger, metrics } = this.#options;
    const controller = new Controller(options, {
      client,
      logger,
      metrics,
      clock: this.#clock,
      random: this.#random,
    });
    this.#controllers.push(controller as unknown as Controller);
    return controller;
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /**
   * Starts the watches, waits for the first lists, acquires the Lease, and runs passes while it leads. When `signal`
   * aborts, no new pass begins, and passes that still run after `drainMs` are aborted. After the last pass it releases
   * the Lease and ends the watches.
   */
  async run(signal: AbortSignal): Promise<void> {
    const watching = new AbortController();
    this.#reflectorsSignal = watching.signal;
    try {
      for (const { reflector } of this.#reflectors.values()) this.#start(reflector, watching.signal);
      await this.#untilListed(signal);
      if (signal.aborted) return;
      const { election, client, logger, metrics } = this.#options;
      if (election === undefined) {
        await this.#lead({ lost: new AbortController().signal, assertHeld() {} }, signal);
      } else {
        const dependencies = { client, logger, metrics, clock: this.#clock, random: this.#random };
        await runElection({ ...election, ...dependencies }, signal, (leadership) => this.#lead(leadership, signal));
      }
    } finally {
      for (const controller of this.#controllers) controller.close();
      watching.abort();
      await Promise.all(this.#running);
    }
  }

  /** Returns why this process should be restarted. Undefined if it is healthy. */
  liveProblem(): string | undefined {
    for (const { reflector } of this.#reflectors.values()) {
      if (reflector.stuckProblem !== undefined) return reflector.stuckProblem;
    }
    return this.#controllers.map((controller) => controller.stuckProblem).find((problem) => problem !== undefined);
  }

  /**
   * Returns why this process is not ready, such as a required kind that is not synced. Undefined if it is ready. A
   * process that does not lead is ready too.
   */
  readyProblem(): string | undefined {
    if (this.#reflectorsSignal === undefined) return 'not started';
    for (const { reflector, isRequired } of this.#reflectors.values()) {
      if (!isRequired || reflector.availability === 'synced') continue;
      const why = reflector.problem === undefined ? '' : `: ${reflector.problem}`;
      return `${resourceId(reflector.resource)} is ${reflector.availability}${why}`;
    }
    return undefined;
  }

  /** Returns lines for users who ask why nothing happens: whether this process leads, and the state of each watch. */
  describe(): string[] {
    const watches = [...this.#reflectors.values()].map(({ reflector }) => {
      const { resource, namespace, availability, store, problem } = reflector;
      const where = namespace === undefined ? '' : ` in ${namespace}`;
      const seen = availability === 'synced' ? `synced, ${store.size} objects` : availability;
      return `watch of ${resourceId(resource)}${where}: ${seen}${problem === undefined ? '' : `; last problem: ${problem}`}`;
    });
    return [`leads: ${this.#isLeading ? 'yes' : 'no, another pod leads or no pod leads yet'}`, ...watches.toSorted()];
  }

  #start<T extends KubeObject>(reflector: Reflector<T>, signal: AbortSignal): void {
    const running = reflector.run(signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /**
   * Waits until the required kinds are synced and no other kind is pending. Does not wait for kinds that are added
   * later.
   */
  async #untilListed(signal: AbortSignal): Promise<void> {
    const watched = [...this.#reflectors.values()];
    const listed = new AbortController();
    const check = () => {
      const isListed = watched.every(({ reflector, isRequired }) =>
        isRequired ? reflector.availability === 'synced' : reflector.availability !== 'pending',
      );
      if (isListed) listed.abort();
    };
    const stops = watched.map(({ reflector }) => reflector.onAvailability(check));
    check();
    await untilAborted(AbortSignal.any([signal, listed.signal]));
    for (const stop of stops) stop();
  }

  /**
   * Runs one term. First lists every kind again: the caches may be older than the last writes of the previous leader.
   */
  async #lead(leadership: Leadership, stop: AbortSignal): Promise<void> {
    const stopTaking = AbortSignal.any([stop, leadership.lost]);
    const abortPasses = new AbortController();
    const lose = () => abortPasses.abort(leadership.lost.reason);
    leadership.lost.addEventListener('abort', lose, { once: true });
    try {
      await Promise.all([...this.#reflectors.values()].map(({ reflector }) => reflector.refresh(stopTaking)));
    } catch (error) {
      // The refresh failed because the signal aborted. No pass has begun, so there is nothing to end.
      if (!stopTaking.aborted) throw error;
      return;
    }
    this.#isLeading = true;
    const term = { stopTaking, abortPasses: abortPasses.signal, assertLeading: () => leadership.assertHeld() };
    const working = Promise.all(
      this.#controllers.map((controller) => {
        controller.enqueueAll();
        return controller.run(term);
      }),
    );
    const cancelDrain = this.#abortLate(stopTaking, abortPasses);
    try {
      await working;
    } finally {
      this.#isLeading = false;
      cancelDrain();
      leadership.lost.removeEventListener('abort', lose);
    }
  }

  /** Aborts the passes that still run `drainMs` after the stop signal. Returns a function that cancels the timer. */
  #abortLate(stopTaking: AbortSignal, abortPasses: AbortController): () => void {
    const drainMs = this.#options.drainMs ?? 10_000;
    let cancel = () => {};
    const begin = () => {
      cancel = this.#clock.after(drainMs, () =>
        abortPasses.abort(new Error(`stopped: the pass did not end within ${drainMs} ms`)),
      );
    };
    if (stopTaking.aborted) begin();
    else stopTaking.addEventListener('abort', begin, { once: true });
    return () => {
      stopTaking.removeEventListener('abort', begin);
      cancel();
    };
  }
}
