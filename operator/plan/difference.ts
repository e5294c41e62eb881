import { fieldManagers } from '#contract/labels.ts';
import type { LiveObject } from '#operator/observe/objects.ts';
import { equalQuantities } from './quantity.ts';

/**
 * Returns the path of the first field of `live` that an apply of `desired` would change, for log lines and events.
 * Undefined means that no write is needed.
 *
 * `managedFields`, the record of the API server, says which fields our last apply owns and the kind of each list. So
 * no schema and no hash is needed here. For each field there are three questions:
 * - Do we want the field and not own it? If so, the field is new, or another field manager took it over.
 * - Do we own the field and no longer want it? If so, an apply releases it.
 * - Does its live value differ? If so, another client changed it.
 *
 * Fields that other field managers added beside ours are not a difference (docs/adr/0050).
 */
export function findDifference(desired: object, live: LiveObject): string | undefined {
  const owned = ownedFields(live, fieldManagers.operator);
  if (owned === undefined) return 'never applied';
  return compareRecords(withoutIdentity(desired), withoutIdentity(live), owned, []);
}

/**
 * Returns the fields of an object that a field manager owns by server-side apply. Undefined if it never applied the
 * object.
 */
export function ownedFields(live: LiveObject, manager: string): Tree | undefined {
  const entry = live.metadata.managedFields?.find(
    (fields) => fields.manager === manager && fields.operation === 'Apply' && (fields.subresource ?? '') === '',
  );
  return entry === undefined || !isRecord(entry.fieldsV1) ? undefined : entry.fieldsV1;
}

type Tree = Readonly<Record<string, unknown>>;
type Path = readonly string[];

/** Removes apiVersion, kind, name, namespace and uid: managedFields never has them. */
function withoutIdentity(object: object): Tree {
  const { apiVersion: _version, kind: _kind, metadata, ...body } = isRecord(object) ? object : {};
  const { name: _name, namespace: _namespace, uid: _uid, ...rest } = isRecord(metadata) ? metadata : {};
  return { ...body, metadata: rest };
}

function compareValues(desired: unknown, live: unknown, owned: unknown, path: Path): string | undefined {
  // We do not own the field: it is new, or another field manager took it over. An empty value has no owner: the server
  // drops it.
  if (!isRecord(owned)) return isEmpty(desired) ? undefined : formatPath(path);
  if (isEmpty(desired) && isEmpty(live)) return undefined;
  if (isRecord(desired)) {
    if (!isRecord(live)) return formatPath(path);
    // An empty tree for a map means that the map is owned as a whole (`x-kubernetes-map-type: atomic`).
    return isLeaf(owned) ? compareWhole(desired, live, path) : compareRecords(desired, live, owned, path);
  }
  if (Array.isArray(desired)) {
    if (!Array.isArray(live)) return formatPath(path);
    if (isLeaf(owned)) return compareWhole(desired, live, path);
    return isSet(owned) ? compareSets(desired, live, owned, path) : compareItems(desired, live, owned, path);
  }
  return equalScalars(desired, live, path) ? undefined : formatPath(path);
}

function compareRecords(desired: Tree, live: Tree, owned: Tree, path: Path): string | undefined {
  for (const [key, value] of Object.entries(desired)) {
    const found = compareValues(value, live[key], owned[`f:${key}`], [...path, key]);
    if (found !== undefined) return found;
  }
  for (const key of Object.keys(owned)) {
    if (!key.startsWith('f:')) continue;
    const name = key.slice(2);
    if (desired[name] === undefined || desired[name] === null) {
      return `${formatPath([...path, name])} (no longer wanted)`;
    }
  }
  return undefined;
}

/**
 * Compares lists whose items have keys, such as containers with their names. Items of other field managers may be
 * between our items.
 */
function compareItems(
  desired: readonly unknown[],
  live: readonly unknown[],
  owned: Tree,
  path: Path,
): string | undefined {
  const known = Object.entries(owned).flatMap(([step, tree]) => {
    const keys = step.startsWith('k:') ? parseKeys(step.slice(2)) : undefined;
    return keys === undefined ? [] : [{ keys, tree, label: Object.values(keys).join(',') }];
  });
  const matched = new Set<object>();
  for (const [index, item] of desired.entries()) {
    const entry = known.find(({ keys }) => hasKeys(item, keys, { isDefaulted: true }));
    if (entry === undefined) return formatPath([...path, String(index)]);
    matched.add(entry);
    const liveItem = live.find((candidate) => hasKeys(candidate, entry.keys, { isDefaulted: false }));
    const found = compareValues(item, liveItem, entry.tree, [...path, entry.label]);
    if (found !== undefined) return found;
  }
  const extra = known.find((entry) => !matched.has(entry));
  return extra === undefined ? undefined : `${formatPath([...path, extra.label])} (no longer wanted)`;
}

/** Compares sets of scalars, such as finalizers. */
function compareSets(
  desired: readonly unknown[],
  live: readonly unknown[],
  owned: Tree,
  path: Path,
): string | undefined {
  const ours = Object.keys(owned).filter((step) => step.startsWith('v:'));
  const wanted = desired.map((value) => `v:${JSON.stringify(value)}`);
  const missing = wanted.some((step, index) => !ours.includes(step) || !live.includes(desired[index]));
  return missing || ours.some((step) => !wanted.includes(step)) ? formatPath(path) : undefined;
}

/** Compares a value that is owned as a whole. Length and order must be equal; the server may add defaults in items. */
function compareWhole(desired: unknown, live: unknown, path: Path): string | undefined {
  if (isEmpty(desired) && isEmpty(live)) return undefined;
  if (Array.isArray(desired)) {
    if (!Array.isArray(live) || desired.length !== live.length) return formatPath(path);
    return firstFound(desired.map((item, index) => compareWhole(item, live[index], [...path, String(index)])));
  }
  if (isRecord(desired)) {
    if (!isRecord(live)) return formatPath(path);
    return firstFound(Object.entries(desired).map(([key, item]) => compareWhole(item, live[key], [...path, key])));
  }
  return equalScalars(desired, live, path) ? undefined : formatPath(path);
}

/**
 * Whether an item has these keys. If `isDefaulted` is set, a missing key counts as equal. Use it for a desired item:
 * the server fills in the default of a missing key, such as `protocol: TCP`, so a live item always has the key.
 */
function hasKeys(item: unknown, keys: Tree, options: { isDefaulted: boolean }): boolean {
  if (!isRecord(item)) return false;
  return Object.entries(keys).every(([key, value]) =>
    item[key] === undefined ? options.isDefaulted : item[key] === value,
  );
}

function equalScalars(desired: unknown, live: unknown, path: Path): boolean {
  if (desired === live) return true;
  // For a built-in kind the server leaves out `false`, 0 and the empty text.
  if (live === undefined) return desired === false || desired === 0 || desired === '';
  // The server writes quantities in one form: 1000m becomes 1.
  return path.includes('resources') && equalQuantities(desired, live);
}

function isLeaf(owned: Tree): boolean {
  return Object.keys(owned).every((step) => step === '.');
}

function isSet(owned: Tree): boolean {
  return Object.keys(owned).some((step) => step.startsWith('v:'));
}

/**
 * Whether a value is empty or absent. An empty and an absent value are equal, because the server drops empty values.
 */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) && Object.keys(value).length === 0;
}

function parseKeys(text: string): Tree | undefined {
  const keys: unknown = JSON.parse(text);
  return isRecord(keys) ? keys : undefined;
}

function firstFound(found: readonly (string | undefined)[]): string | undefined {
  return found.find((path) => path !== undefined);
}

function formatPath(path: Path): string {
  return path.join('.');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
