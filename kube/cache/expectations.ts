import type { CompletedWrite } from '#kube/client/client.ts';
import { keyOf, resourceId } from '#kube/client/object.ts';
import type { Clock } from '#kube/clock.ts';
import type { Reflector } from './reflector.ts';

/**
 * Guards against stale reads. A pass over a key must not begin before the stores show all writes of earlier passes
 * over the same key. Otherwise the new pass would decide from an old state. For instance, it could lose an inventory
 * entry that the earlier pass added. Example:
 *
 * 1. Pass 1 writes object A. The write has version 7.
 * 2. The store still has version 6 until the watch event of the write arrives. No pass begins in this time.
 * 3. The event arrives, and the store has version 7. Now pass 2 may begin.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Expectation[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Remembers a write of a pass over `key`. Every reflector of the list that watches the object must show the write
   * before the next pass.
   */
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
   * `unseen` is the number of writes for which a pass over `key` must still wait. `lost` names the writes that did not
   * arrive within 30 s. Each of them is returned once, and later passes do not wait for it. A write is lost if the
   * selector of the reflector does not match the object, or if the watch is down.
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

/**
 * Maximum time to wait until a store shows a write. A healthy watch shows the write within milliseconds, and a watch
 * that reconnects shows it within 30 s.
 */
const expectationLifeMs = 30_000;
