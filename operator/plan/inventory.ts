/**
 * The children that no ownerReference holds: what must be given back before a SumPipeline may go. Written (as an
 * annotation) before such a child is created and shrunk after it is gone, so it never lacks one:
 *
 *   record [topic] ── crash ──> topic does not exist, harmless
 *   create topic   ── crash ──> topic is in the inventory, deletion finds it
 */
export interface InventoryEntry {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** More than one topic never belongs to a pipeline; the bound keeps a hand-made annotation from costing requests. */
const entriesMax = 16;

export function formatInventory(entries: readonly InventoryEntry[]): string {
  return JSON.stringify(entries.map(({ kind, namespace, name }) => ({ kind, namespace, name })));
}

/** Entries that cannot be read are left out: what is wanted is recorded again, and nothing else was ever in it. */
export function parseInventory(annotation: string | undefined): InventoryEntry[] {
  if (annotation === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(annotation);
  } catch {
    // Somebody edited it by hand; see above.
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
