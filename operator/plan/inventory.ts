/**
 * One entry of the inventory: a child without an ownerReference. Such a child must be released before its SumPipeline
 * may be deleted. The inventory is an annotation. An entry is written before its child is created and removed after the
 * child is gone, so no child is ever missing:
 *
 *   record [topic] ── crash ──> topic does not exist, harmless
 *   create topic   ── crash ──> topic is in the inventory, deletion finds it
 */
export interface InventoryEntry {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Most entries that are read. A pipeline has one topic; a hand-written annotation must not cause many requests. */
const entriesMax = 16;

export function formatInventory(entries: readonly InventoryEntry[]): string {
  return JSON.stringify(entries.map(({ kind, namespace, name }) => ({ kind, namespace, name })));
}

/** Parses the annotation and leaves out entries that cannot be read: children that are wanted are recorded again. */
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
