import type { Child } from '#operator/desired/child.ts';
import type { LiveChild, LiveConfigMap, LiveObject } from '#operator/observe/objects.ts';
import type { InventoryEntry } from './inventory.ts';

/**
 * One thing to do, as data. The executor does them in order:
 * - `record`: write finalizer and inventory on the SumPipeline, in one patch; no entries take both away;
 * - `create`: first apply of a name; the name must be free;
 * - `apply`: set our fields on an object that is ours; `why` is the first place that differs;
 * - `scale`: write the number of replicas through the scale subresource;
 * - `wait`: the old object must be gone first; a watch triggers the next pass;
 * - `release`: a KafkaTopic is being deleted by another client: annotate it, so that its data stays;
 * - `retain`: release a KafkaTopic and delete it, keeping its data;
 * - `delete`: no longer wanted;
 * - `dropVerdicts`: remove keys of pods that are gone from the proof.
 */
export type Action =
  | { readonly type: 'record'; readonly entries: readonly InventoryEntry[] }
  | { readonly type: 'create'; readonly child: Child }
  | { readonly type: 'apply'; readonly child: Child; readonly live: LiveObject; readonly why: string }
  | {
      readonly type: 'scale';
      readonly namespace: string;
      readonly name: string;
      readonly from: number;
      readonly to: number;
    }
  | { readonly type: 'wait'; readonly child: Child; readonly live: LiveObject }
  | { readonly type: 'release'; readonly live: LiveObject }
  | { readonly type: 'retain'; readonly entry: InventoryEntry }
  | { readonly type: 'delete'; readonly live: LiveObject }
  | { readonly type: 'dropVerdicts'; readonly proof: LiveConfigMap; readonly pods: readonly string[] };

export type ActionOf<Type extends Action['type']> = Extract<Action, { type: Type }>;

/** Deployments get one replica from the API server when no number is set. */
export const serverDefaultReplicas = 1;

export function replicasOf(deployment: LiveChild): number {
  return deployment.spec?.replicas ?? serverDefaultReplicas;
}

/** `KafkaTopic kafka/team.orders`, as messages and logs name an object. */
export function describeObject(object: {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}
