import { fieldManagers } from '#contract/labels.ts';
import { annotations, topicFinalizer } from '#operator/api/annotations.ts';
import { formatInventory, type InventoryEntry } from '#operator/plan/inventory.ts';
import type { KubeClient } from '#operator/runtime/client.ts';
import type { Owner } from './ownership.ts';
import { pipelines } from './resources.ts';

/**
 * Writes the finalizer and what it stands for in one patch, or takes both away. Only our own finalizer is named:
 * those of others stay.
 */
export async function recordInventory(
  client: KubeClient,
  { ref, uid }: Owner,
  entries: readonly InventoryEntry[],
): Promise<void> {
  const marks =
    entries.length === 0
      ? {}
      : { finalizers: [topicFinalizer], annotations: { [annotations.inventory]: formatInventory(entries) } };
  const { group, version, kind } = pipelines;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { ...ref, uid, ...marks } };
  await client.apply(pipelines, object, { fieldManager: fieldManagers.operator, force: true });
}
