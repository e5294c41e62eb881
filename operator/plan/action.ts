import type { Child } from '#operator/desired/child.ts';
import type { LiveChild, LiveConfigMap, LiveObject } from '#operator/observe/objects.ts';
import type { InventoryEntry } from './inventory.ts';

/**
 * One step of a plan, as data. The executor carries out the steps in order:
 * - `record`: write finalizer and inventory on the SumPipeline in one patch. An empty list removes both.
 * - `create`: apply an object for the first time. No object may have its name yet.
 * - `apply`: set our fields on an object that is ours. `why` is the path of the first field that differs.
 * - `scale`: write the number of replicas through the scale subresource.
 * - `wait`: an old object of this name is being deleted. A watch triggers the next pass when the old object is gone.
 * - `release`: another client deletes a KafkaTopic. Annotate the KafkaTopic, so that its data stays.
 * - `retain`: release a KafkaTopic and delete it afterwards. Its data stays.
 * - `delete`: delete an object that is no longer wanted.
 * - `dropVerdicts`: remove the keys of pods that are gone from ConfigMap `<name>-proof`.
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

/** Number of replicas that the API server sets on a new Deployment without `spec.replicas`. */
export const serverDefaultReplicas = 1;

export function replicasOf(deployment: LiveChild): number {
  return deployment.spec?.replicas ?? serverDefaultReplicas;
}

/** Names an object for messages and log lines: `KafkaTopic kafka/team.orders`. */
export function describeObject(object: {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
}): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}
