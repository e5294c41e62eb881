import { readLogTail } from '#lab/progress.ts';
import { type Child, type ChildExit, describeExit } from './child.ts';

/** Restarts a server that dies unexpectedly. Without this policy the server stays down, and nothing is reported. */
export interface RestartPolicy {
  readonly restartOnDeath: true;
  /** Called with whole sentences when the server died, when a restart failed, and when the server is back. */
  onDeath(message: string): void;
}

export interface KeeperOptions {
  /** The name used in messages: `PostgreSQL`, `Kafka node 2`. */
  readonly name: string;
  launch(): Promise<Child>;
  /** Resolves when the server responds, rejects if it never will. `signal` is aborted when the process dies first. */
  ready(signal: AbortSignal): Promise<unknown>;
  /** The signal that requests a clean end. */
  readonly stopSignal: NodeJS.Signals;
  /** Milliseconds from `stopSignal` to SIGKILL. */
  readonly stopTimeoutMs: number;
  readonly restart?: RestartPolicy | undefined;
}

/** Waits before each attempt to restart a dead server, in milliseconds. The last value repeats. */
const backoffMs = [250, 500, 1_000, 2_000, 5_000, 10_000];

/** Run time in milliseconds. If a server dies after a longer run, its backoff starts again with the shortest wait. */
const healthyMs = 60_000;

/**
 * One server process: stopped, started and responding, or dead and (with a restart policy) restarting. `#isWanted` is
 * true from `start` to `stop`. If the process ends while `#isWanted` is true, the server has died.
 */
export class Keeper {
  readonly #options: KeeperOptions;
  #child: Child | undefined;
  #isWanted = false;
  #failures = 0;
  #revival: Promise<void> | undefined;
  #wake = new AbortController();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Process id. Undefined while the process is down. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Starts the server and waits until it responds. Kills a server that does not start, and throws the end of its
   * output.
   */
  async start(): Promise<void> {
    if (this.#isWanted) throw new Error(`${this.#options.name} is already started`);
    this.#isWanted = true;
    this.#wake = new AbortController();
    try {
      await this.#bringUp();
    } catch (error) {
      this.#isWanted = false;
      throw error;
    }
  }

  /**
   * Ends the process cleanly, or by SIGKILL if this takes too long. Resolves at the end of the process. Does nothing
   * if the server is stopped.
   */
  async stop(): Promise<void> {
    this.#isWanted = false;
    this.#wake.abort();
    const child = this.#child;
    if (child) {
      child.signal(this.#options.stopSignal);
      const late = setTimeout(() => child.signal('SIGKILL'), this.#options.stopTimeoutMs);
      await child.exited;
      clearTimeout(late);
    }
    await this.#revival;
  }

  /**
   * Ends the process with kill -9, as a fault would. Resolves at its end. A restart policy or `start()` restarts it.
   */
  async kill(): Promise<void> {
    if (!this.#options.restart) this.#isWanted = false;
    const child = this.#child;
    child?.signal('SIGKILL');
    await child?.exited;
  }

  async #bringUp(): Promise<void> {
    const { name, launch, ready } = this.#options;
    const child = await launch();
    const startedAt = performance.now();
    this.#child = child;
    const died = new AbortController();
    let isUp = false;
    const gone = child.exited.then((exit) => {
      this.#child = undefined;
      died.abort();
      if (isUp && this.#isWanted) this.#onDeath(exit, child, performance.now() - startedAt);
      return exit;
    });
    // If stop() was called while the process was being made, it found no process to stop.
    if (!this.#isWanted) child.signal('SIGKILL');
    try {
      const outcome = await Promise.race([ready(died.signal).then(() => 'ready' as const), gone]);
      if (outcome !== 'ready') throw new Error(describeExit(outcome));
      isUp = true;
    } catch (error) {
      child.signal('SIGKILL');
      const exit = await gone;
      const reason = died.signal.aborted && error instanceof Error ? error.message : describeExit(exit);
      throw new Error(`${name} did not start (${reason}). The end of its log file:\n${readLogTail(child.logFile)}`, {
        cause: error,
      });
    }
  }

  #onDeath(exit: ChildExit, child: Child, ranMs: number): void {
    const { restart, name } = this.#options;
    if (!restart) {
      this.#isWanted = false;
      return;
    }
    if (ranMs > healthyMs) this.#failures = 0;
    restart.onDeath(`${name} died (${describeExit(exit)}); restarting it. Its log: ${child.logFile}`);
    this.#revival = this.#revive(restart);
  }

  async #revive(restart: RestartPolicy): Promise<void> {
    const { name } = this.#options;
    while (this.#isWanted) {
      await pause(backoffMs[Math.min(this.#failures++, backoffMs.length - 1)] ?? 0, this.#wake.signal);
      if (!this.#isWanted) return;
      try {
        await this.#bringUp();
        restart.onDeath(`${name} is back.`);
        return;
      } catch (error) {
        if (!this.#isWanted) return;
        restart.onDeath(`${error instanceof Error ? error.message : String(error)}\nRetrying.`);
      }
    }
  }
}

/** Sleeps, but ends early when `signal` is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
