/**
 * The children without an ownerReference: they must be released before a SumPipeline may be deleted. Written (as an
 * annotation) before such a child is created and shrunk after it is gone, so the inventory is never missing a child:
 *
 *   record [topic] ── crash ──> topic does not exist, harmless
 *   create topic   ── crash ──> topic is in the inventory, deletion finds it
 */
export interface InventoryEntry {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A pipeline never has more than one topic; the limit keeps a hand-written annotation from causing many requests. */
const entriesMax = 16;

export function formatInventory(entries: readonly InventoryEntry[]): string {
  return JSON.stringify(entries.map(({ kind, namespace, name }) => ({ kind, namespace, name })));
}

/** Unreadable entries are left out: wanted children are recorded again, and the inventory never has other entries. */
export function parseInventory(annotation: string | undefined): InventoryEntry[] {
  if (annotation === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(annotation);
  } catch {
    // Edited by hand; see above.
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
