import type { Clock } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import { backoffMs } from '#platform/time.ts';

export interface WorkQueueOptions {
  /** Name of the controller, which is a label of metrics. */
  readonly name: string;
  readonly clock: Clock;
  /** Returns a random number in [0, 1). It spreads the retries of several keys over time. */
  readonly random: () => number;
  readonly metrics: RuntimeMetrics;
  /** Wait of a key after its first failure, ms. Default 200. */
  readonly retryMinimumMs?: number;
  /**
   * Maximum wait of a failing key, ms. Default 60,000, so that the next pass starts within a minute after a user fixed
   * the problem.
   */
  readonly retryMaximumMs?: number;
}

/**
 * The keys that wait for a pass. A key is in one or more of these states:
 * - *ready*: it waits for a worker. It waits only once, however often it was added.
 * - *active*: a worker has it. If it is added now, it becomes ready when the worker is done.
 * - *delayed*: it becomes ready at a given time. If it is delayed twice, the earlier time counts. When a pass over the
 *   key starts, the delay is dropped, because the pass returns when to run again.
 *
 * A key is never twice in one state, so the number of keys limits the size of the queue.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Keys in the order of their passes, each with the monotonic time, ms, at which it became ready. */
  readonly #ready = new Map<string, number>();
  readonly #active = new Map<string, { isDirty: boolean; startedAtMs: number }>();
  readonly #delayed = new Map<string, { dueMs: number; cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #idle: (() => void)[] = [];
  #isClosed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    const labels = { name: options.name };
    options.metrics.workqueue_adds_total.inc(labels, 0);
    options.metrics.workqueue_retries_total.inc(labels, 0);
    // Set the number of passes to 0: otherwise the metric would have no series while the first pass hangs.
    options.metrics.workqueue_work_duration_seconds.zero(labels);
    this.#gauges();
  }

  add(key: string): void {
    if (this.#isClosed) return;
    const active = this.#active.get(key);
    if (active !== undefined) {
      active.isDirty = true;
      return;
    }
    if (this.#ready.has(key)) return;
    this.#options.metrics.workqueue_adds_total.inc({ name: this.#options.name });
    this.#ready.set(key, this.#options.clock.monotonicMs());
    this.#serve();
  }

  addAfter(key: string, ms: number): void {
    if (this.#isClosed) return;
    const dueMs = this.#options.clock.monotonicMs() + ms;
    const existing = this.#delayed.get(key);
    if (existing !== undefined && existing.dueMs <= dueMs) return;
    existing?.cancel();
    const cancel = this.#options.clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { dueMs, cancel });
  }

  /**
   * Adds a failed key again after a wait that grows with each failure. Returns the wait in ms. `minimumMs` is the wait
   * that the server requested.
   */
  retry(key: string, minimumMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#options.metrics.workqueue_retries_total.inc({ name: this.#options.name });
    const waitMs = backoffMs(failures, {
      minimumMs: this.#options.retryMinimumMs ?? 200,
      maximumMs: this.#options.retryMaximumMs ?? 60_000,
      random: this.#options.random,
    });
    const ms = Math.max(waitMs, minimumMs);
    this.addAfter(key, ms);
    return ms;
  }

  /** Forgets the failures of a key after a success, so that the wait after its next failure is short again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Waits for the next key and returns it. Returns undefined if the signal aborts or the queue is closed. The caller
   * must call `done` for every key.
   */
  take(signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted || this.#isClosed) return Promise.resolve(undefined);
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => {
      const take = (taken: string | undefined) => {
        signal.removeEventListener('abort', leave);
        resolve(taken);
      };
      const leave = () => {
        this.#takers.splice(this.#takers.indexOf(take), 1);
        resolve(undefined);
      };
      this.#takers.push(take);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  done(key: string): void {
    const active = this.#active.get(key);
    if (active === undefined) throw new Error(`key ${key} was not taken from queue ${this.#options.name}`);
    this.#active.delete(key);
    const seconds = (this.#options.clock.monotonicMs() - active.startedAtMs) / 1000;
    this.#options.metrics.workqueue_work_duration_seconds.observe({ name: this.#options.name }, seconds);
    this.#gauges();
    if (active.isDirty) this.add(key);
    if (this.#active.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Drops the keys that wait. From now on `take` returns undefined. Running passes continue. */
  close(): void {
    this.#isClosed = true;
    this.#ready.clear();
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const resolve of this.#takers.splice(0)) resolve(undefined);
    this.#gauges();
  }

  /** Resolves when no worker has a key. */
  whenIdle(): Promise<void> {
    return this.#active.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Returns the numbers of keys by state, for health and tests. `oldestActiveMs` is the age of the oldest pass. */
  snapshot(): { ready: number; active: number; delayed: number; failing: number; oldestActiveMs: number } {
    const now = this.#options.clock.monotonicMs();
    let oldestActiveMs = 0;
    for (const { startedAtMs } of this.#active.values()) oldestActiveMs = Math.max(oldestActiveMs, now - startedAtMs);
    return {
      ready: this.#ready.size,
      active: this.#active.size,
      delayed: this.#delayed.size,
      failing: this.#failures.size,
      oldestActiveMs,
    };
  }

  #serve(): void {
    while (this.#takers.length > 0) {
      const key = this.#next();
      if (key === undefined) break;
      this.#takers.shift()?.(key);
    }
    this.#gauges();
  }

  #next(): string | undefined {
    const first = this.#ready.entries().next();
    if (first.done === true) return undefined;
    const [key, readySinceMs] = first.value;
    this.#ready.delete(key);
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
    const now = this.#options.clock.monotonicMs();
    this.#active.set(key, { isDirty: false, startedAtMs: now });
    const { name } = this.#options;
    this.#options.metrics.workqueue_queue_duration_seconds.observe({ name }, (now - readySinceMs) / 1000);
    this.#gauges();
    return key;
  }

  #gauges(): void {
    this.#options.metrics.workqueue_depth.set({ name: this.#options.name }, this.#ready.size);
    this.#options.metrics.workqueue_active_workers.set({ name: this.#options.name }, this.#active.size);
  }
}
