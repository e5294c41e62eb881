import type { CompletedWrite } from '#kube/client/client.ts';
import { keyOf, resourceId } from '#kube/client/object.ts';
import type { Clock } from '#kube/clock.ts';
import type { Reflector } from './reflector.ts';

/**
 * Guards against stale reads. A pass over a key must not begin before the stores show all writes of earlier passes over
 * the same key. Otherwise it would decide from an old state, and could lose an inventory entry that it just added.
 *
 *   pass 1: writes A (version 7) ──────────────> event A@7 reaches the store
 *   pass 2:              ^ a pass that began here would read A@6: it waits until the store has seen 7
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Expectation[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a write of a pass over `key`, for each reflector that may show the write. */
  expect(key: string, reflectors: Iterable<Reflector>, write: CompletedWrite): void {
    for (const reflector of reflectors) {
      if (resourceId(reflector.resource) !== resourceId(write.resource)) continue;
      if (reflector.namespace !== undefined && reflector.namespace !== write.name.namespace) continue;
      if (reflector.availability !== 'synced') continue;
      const { uid, resourceVersion } = write;
      const expectation = {
        reflector,
        key: keyOf(write.name),
        uid,
        resourceVersion,
        sinceMs: this.#clock.monotonicMs(),
      };
      const list = this.#waiting.get(key);
      if (list === undefined) this.#waiting.set(key, [expectation]);
      else list.push(expectation);
    }
  }

  /**
   * Returns the writes for which a pass over `key` must still wait. After 30 s a write is no longer waited for and is
   * returned once as `lost`: the selector of the reflector does not match the object, or its watch is down.
   */
  check(key: string): { unseen: number; lost: string[] } {
    const nowMs = this.#clock.monotonicMs();
    const unseen: Expectation[] = [];
    const lost: string[] = [];
    for (const expectation of this.#waiting.get(key) ?? []) {
      if (expectation.reflector.hasSeen(expectation)) continue;
      if (nowMs - expectation.sinceMs < expectationLifeMs) unseen.push(expectation);
      else lost.push(`${expectation.reflector.resource.kind} ${expectation.key}`);
    }
    if (unseen.length === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, unseen);
    return { unseen: unseen.length, lost };
  }

  /** Number of keys with writes that no store shows yet. */
  get size(): number {
    return this.#waiting.size;
  }
}

interface Expectation {
  readonly reflector: Reflector;
  readonly key: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly sinceMs: number;
}

/** How long to wait for a write. A healthy watch shows it within milliseconds, one that reconnects within 30 s. */
const expectationLifeMs = 30_000;
