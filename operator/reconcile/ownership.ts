import { fieldManagers, labelKeys, ownerLabels } from '#contract/labels.ts';
import type { PipelineRef } from '#contract/names.ts';
import type { Live } from '#kube/client/object.ts';
import { ownedFields } from '#operator/plan/difference.ts';
import { type InventoryEntry, includesEntry } from '#operator/plan/inventory.ts';

/** The pipeline whose children are checked. */
export interface Owner {
  readonly ref: PipelineRef;
  readonly uid: string;
  /** Children without an ownerReference. */
  readonly inventory: readonly InventoryEntry[];
}

/**
 * Whether an object is a child of this pipeline. Its labels decide, so that a SumPipeline that was deleted and applied
 * again gets its children back. If another client removed the labels, the ownerReference or the inventory decides, but
 * only for an object that we applied.
 */
export function isOurs(object: Live, owner: Owner): boolean {
  const labels = object.metadata.labels ?? {};
  if (Object.entries(ownerLabels(owner.ref)).every(([key, value]) => labels[key] === value)) return true;
  if (labels[labelKeys.name] !== undefined || ownedFields(object, fieldManagers.operator) === undefined) return false;
  if (object.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) === true) return true;
  const { namespace = '', name } = object.metadata;
  return includesEntry(owner.inventory, { kind: object.kind, namespace, name });
}
