import { compareResourceVersions, type KubeObject, keyOf, type Live, type ObjectName } from '#kube/client/object.ts';
import type { WatchEvent } from '#kube/client/wire.ts';

/**
 * A change of the store. A `deleted` change has the last known state of the object. If an object was replaced by
 * another object with the same name, there are two changes: `deleted`, then `added`.
 */
export type Change<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: Live<T> }
  | { readonly type: 'modified'; readonly object: Live<T>; readonly previous: Live<T> }
  | { readonly type: 'deleted'; readonly object: Live<T> };

/**
 * Functions by the name of their index. Each function is pure and returns the values under which `byIndex` finds an
 * object: `{ pipeline: (object) => [labels...] }`.
 */
export type Indexes<T extends KubeObject> = Readonly<Record<string, (object: Live<T>) => readonly string[]>>;

/** Read-only view of a store. Objects are shared and frozen: copy an object before you change it. */
export interface StoreReader<T extends KubeObject> {
  get(name: ObjectName | string): Live<T> | undefined;
  /** Returns all objects in any order. */
  list(): Live<T>[];
  /** Returns the objects for which the index function returned this value. Throws if the index does not exist. */
  byIndex(index: string, value: string): Live<T>[];
  readonly size: number;
}

/**
 * Copy of the objects of one kind, at one version of the collection. The store does no I/O: the reflector gives it
 * lists and watch events, and passes the returned changes to the handlers.
 */
export class Store<T extends KubeObject> implements StoreReader<T> {
  readonly #indexes: Indexes<T>;
  #objects = new Map<string, Live<T>>();
  readonly #indexed = new Map<string, Map<string, Set<string>>>();
  #resourceVersion: string | undefined;

  constructor(indexes: Indexes<T> = {}) {
    this.#indexes = indexes;
    for (const name of Object.keys(indexes)) this.#indexed.set(name, new Map());
  }

  get(name: ObjectName | string): Live<T> | undefined {
    return this.#objects.get(typeof name === 'string' ? name : keyOf(name));
  }

  list(): Live<T>[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): Live<T>[] {
    const values = this.#indexed.get(index);
    if (values === undefined) throw new Error(`the store has no index ${index}`);
    const found: Live<T>[] = [];
    for (const key of values.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Version of the collection: the store contains all changes up to this version. Undefined before the first list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** Whether the store shows this version of the collection or a later one. */
  hasSeen(resourceVersion: string): boolean {
    return this.#resourceVersion !== undefined && compareResourceVersions(this.#resourceVersion, resourceVersion) >= 0;
  }

  /** Replaces all objects by a list. The changes include a deletion for each object that is not in the list. */
  replace(items: readonly Live<T>[], resourceVersion: string): Change<T>[] {
    const changes: Change<T>[] = [];
    const listed = new Set(items.map(keyOf));
    for (const [key, object] of this.#objects) if (!listed.has(key)) changes.push(...this.#remove(key, object));
    for (const item of items) changes.push(...this.#put(item));
    this.#resourceVersion = resourceVersion;
    return changes;
  }

  applyEvent(event: WatchEvent<T>): Change<T>[] {
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion;
      return [];
    }
    const changes =
      event.type === 'DELETED' ? this.#remove(keyOf(event.object), event.object) : this.#put(event.object);
    this.#resourceVersion = event.object.metadata.resourceVersion;
    return changes;
  }

  #put(object: Live<T>): Change<T>[] {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return [];
    const replaced = previous !== undefined && previous.metadata.uid !== object.metadata.uid;
    const before = replaced ? this.#remove(key, previous) : [];
    if (previous !== undefined && !replaced) this.#unindex(key, previous);
    this.#objects.set(key, deepFreeze(object));
    this.#index(key, object);
    if (previous === undefined || replaced) return [...before, { type: 'added', object }];
    return [{ type: 'modified', object, previous }];
  }

  #remove(key: string, lastState: Live<T>): Change<T>[] {
    const previous = this.#objects.get(key);
    if (previous === undefined) return [];
    this.#unindex(key, previous);
    this.#objects.delete(key);
    return [{ type: 'deleted', object: deepFreeze(lastState) }];
  }

  #index(key: string, object: Live<T>): void {
    for (const [name, values] of this.#indexed) {
      for (const value of this.#indexes[name]?.(object) ?? []) {
        const keys = values.get(value);
        if (keys === undefined) values.set(value, new Set([key]));
        else keys.add(key);
      }
    }
  }

  #unindex(key: string, object: Live<T>): void {
    for (const [name, values] of this.#indexed) {
      for (const value of this.#indexes[name]?.(object) ?? []) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  }
}

/**
 * Freezes a value and everything in it. Readers share objects: code that changes an object fails at once, and other
 * readers are not affected.
 */
function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const child of Object.values(value)) deepFreeze(child);
  return value;
}
