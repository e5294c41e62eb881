/**
 * One entry of the inventory: a child without an ownerReference. Such a child must be released before its SumPipeline
 * may be deleted. The inventory is an annotation. It never misses a child, even if the operator crashes between two
 * steps:
 *
 * 1. Write the entry. After a crash here the child does not exist, which does no harm.
 * 2. Create the child. After a crash here the entry exists, so a deletion finds the child.
 * 3. Remove the entry only after the child is gone.
 */
export interface InventoryEntry {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * Maximum number of entries that are read. A pipeline has one topic, so 16 is more than enough. Without a limit, an
 * annotation that a user edited could cause many requests.
 */
const entriesMax = 16;

export function formatInventory(entries: readonly InventoryEntry[]): string {
  return JSON.stringify(entries.map(({ kind, namespace, name }) => ({ kind, namespace, name })));
}

/**
 * Parses the annotation. Leaves out entries that cannot be read, because the next pass records every wanted child
 * again.
 */
export function parseInventory(annotation: string | undefined): InventoryEntry[] {
  if (annotation === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(annotation);
  } catch {
    // A user edited the annotation by hand.
    return [];
  }
  return Array.isArray(value) ? value.filter(isEntry).slice(0, entriesMax) : [];
}

export function includesEntry(entries: readonly InventoryEntry[], entry: InventoryEntry): boolean {
  return entries.some(
    ({ kind, namespace, name }) => kind === entry.kind && namespace === entry.namespace && name === entry.name,
  );
}

function isEntry(value: unknown): value is InventoryEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, namespace, name } = value as Record<string, unknown>;
  return [kind, namespace, name].every((text) => typeof text === 'string' && text !== '' && text.length <= 253);
}
