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
 *   manager.liveProblem() | manager.readyProblem()        // undefined, or why not; for platform/admin.ts
 *   manager.describe()                                    // what the process does and sees, for users
 */

export interface ManagerOptions {
  readonly client: KubeClient;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
  /** If absent, this process leads without a Lease (tests, one-off tools). */
  readonly election?: {
    readonly lease: { readonly namespace: string; readonly name: string };
    /** Differs between any two processes, restarts included: pod name and a random part. */
    readonly identity: string;
    readonly durations?: Partial<ElectionDurations>;
  };
  /** Passes under way get this long to end after the stop signal, ms; then they are aborted. Default 10,000. */
  readonly drainMs?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** In [0, 1). Default Math.random. */
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

/** Reflectors, election and controllers of one process, from start to orderly end. */
export class Manager {
  readonly client: KubeClient;
  readonly discovery: Discovery;
  readonly #options: ManagerOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #reflectors = new Map<string, { reflector: Reflector; isRequired: boolean }>();
  readonly #controllers: Controller[] = [];
  readonly #running = new Set<Promise<void>>();
  /** Present from `run` on: reflectors that are added later start at once. */
  #reflectorsSignal: AbortSignal | undefined;
  #isLeading = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.client = options.client;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    checkDurations({ ...defaultDurations, ...options.election?.durations });
    // Made first, so it is the one reflector without a discovery.
    const crds = this.watch(customResourceDefinitions, { metadataOnly: true, required: false });
    this.discovery = createDiscovery({ crds, clock: this.#clock, random: this.#random });
  }

  /** The reflector for this selection; the same one for the same selection, whose first options then count. */
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
   * Watches, waits for the first lists, tries to acquire the Lease, and works while leading. When `signal` aborts: no
   * new passes begin, running passes end (or are aborted after `drainMs`), the Lease is released, the watches end.
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

  /** Undefined, or why this process should be restarted. */
  liveProblem(): string | undefined {
    for (const { reflector } of this.#reflectors.values()) {
      if (reflector.stuckProblem !== undefined) return reflector.stuckProblem;
    }
    return this.#controllers.map((controller) => controller.stuckProblem).find((problem) => problem !== undefined);
  }

  /** Undefined, or which required kind is not synced. A standby is ready. */
  readyProblem(): string | undefined {
    if (this.#reflectorsSignal === undefined) return 'not started';
    for (const { reflector, isRequired } of this.#reflectors.values()) {
      if (!isRequired || reflector.availability === 'synced') continue;
      const why = reflector.problem === undefined ? '' : `: ${reflector.problem}`;
      return `${resourceId(reflector.resource)} is ${reflector.availability}${why}`;
    }
    return undefined;
  }

  /** For finding out why nothing happens: who leads, and what each watch can see. One fact per line. */
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

  /** Of the kinds watched from the start: required kinds are synced, all others are known to exist or not. */
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

  /** One term. A warm cache may be older than what the last leader wrote, so every kind is listed once more first. */
  async #lead(leadership: Leadership, stop: AbortSignal): Promise<void> {
    const stopTaking = AbortSignal.any([stop, leadership.lost]);
    const abortPasses = new AbortController();
    const lose = () => abortPasses.abort(leadership.lost.reason);
    leadership.lost.addEventListener('abort', lose, { once: true });
    try {
      await Promise.all([...this.#reflectors.values()].map(({ reflector }) => reflector.refresh(stopTaking)));
    } catch (error) {
      // Only the signal ends a refresh early: nothing was begun.
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

  /** After the stop signal, passes that do not end in time are aborted. */
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
