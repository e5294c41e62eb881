import { fieldManagers } from '#contract/labels.ts';
import type { Child } from '#operator/desired/child.ts';
import { type OwnedKind, ownedKinds } from '#operator/desired/childKinds.ts';
import type { LiveChild, LiveConfigMap, LiveObject } from '#operator/observe/objects.ts';
import { type Action, replicasOf, serverDefaultReplicas } from './action.ts';
import { findDifference, ownedFields } from './difference.ts';
import { type InventoryEntry, includesEntry } from './inventory.ts';
import { isSettled, type SettledChildren } from './settled.ts';

export interface PlanInput {
  /** Wanted children, in the order in which they are applied. */
  readonly desired: readonly Child[];
  /** Wanted replicas by name of Deployment. The operator never writes the replicas of other Deployments. */
  readonly replicas: Readonly<Record<string, number>>;
  /** All objects with the labels of this pipeline, of every kind that the operator can list now. */
  readonly live: readonly LiveChild[];
  readonly inventory: {
    readonly entries: readonly InventoryEntry[];
    readonly hasFinalizer: boolean;
  };
  /** Differences that an apply does not remove. */
  readonly settled: SettledChildren;
  /**
   * Whether every pod runs the desired version. If so, children that only older pods used, such as a ServiceAccount,
   * may be deleted.
   */
  readonly areWorkloadsCurrent: boolean;
  readonly proof: { readonly live: LiveConfigMap; readonly gonePods: readonly string[] } | undefined;
}

/** Returns the actions that bring the live objects to the desired state. Empty if nothing differs. */
export function planChanges(input: PlanInput): Action[] {
  const live = new Map(input.live.map((object) => [keyOf(object), object]));
  const wanted = input.desired.filter(({ owned }) => owned.prune === 'release').map(toEntry);
  const changes = input.desired.flatMap((child) => planChild(child, live.get(keyOf(child.object)), input));
  // Pods of the previous version run until the rollout has ended.
  const startsRollout = changes.some((action) => 'child' in action && action.child.owned.step === 'workloads');
  return [
    ...planRecord(wanted, input),
    ...changes,
    ...planPrune(input, input.areWorkloadsCurrent && !startsRollout),
    ...planShrink(wanted, input),
    ...planVerdicts(input),
  ];
}

/**
 * Returns the actions that must succeed before the API server may remove a deleted SumPipeline. Garbage collection
 * deletes the children that have an ownerReference.
 */
export function planDeletion(inventory: PlanInput['inventory']): Action[] {
  if (!inventory.hasFinalizer) return [];
  return [...inventory.entries.map((entry) => ({ type: 'retain', entry }) as const), { type: 'record', entries: [] }];
}

/** Records wanted children before they are created. Old entries stay until their objects are gone. */
function planRecord(wanted: readonly InventoryEntry[], { inventory }: PlanInput): Action[] {
  const missing = wanted.filter((entry) => !includesEntry(inventory.entries, entry));
  if (missing.length === 0 && (wanted.length === 0 || inventory.hasFinalizer)) return [];
  return [{ type: 'record', entries: [...inventory.entries, ...missing] }];
}

function planShrink(wanted: readonly InventoryEntry[], { inventory }: PlanInput): Action[] {
  const stale = inventory.entries.filter((entry) => !includesEntry(wanted, entry));
  const isIdle = wanted.length === 0 && inventory.hasFinalizer;
  if (stale.length === 0 && !isIdle) return [];
  return [...stale.map((entry) => ({ type: 'retain', entry }) as const), { type: 'record', entries: wanted }];
}

function planChild(child: Child, live: LiveChild | undefined, input: PlanInput): Action[] {
  const to = child.owned.kind === 'Deployment' ? input.replicas[child.object.metadata.name] : undefined;
  const scale = (from: number): Action[] => {
    const { namespace, name } = child.object.metadata;
    return to === undefined || to === from ? [] : [{ type: 'scale', namespace, name, from, to }];
  };
  if (live === undefined) return [{ type: 'create', child }, ...scale(serverDefaultReplicas)];
  if (live.metadata.deletionTimestamp !== undefined) {
    const mustRelease = child.owned.prune === 'release' && !isReleased(live);
    return [...(mustRelease ? [{ type: 'release', live } as const] : []), { type: 'wait', child, live }];
  }
  const why = findDifference(child.object, live);
  const apply: Action[] =
    why === undefined || isSettled(input.settled, child.object, live, why) ? [] : [{ type: 'apply', child, live, why }];
  return [...apply, ...(child.owned.kind === 'Deployment' ? scale(replicasOf(live)) : [])];
}

/**
 * Deletes objects that have our labels, that we applied and that are no longer wanted. A user's copy of a child also
 * has our labels, but not our field manager: the copy stays.
 */
function planPrune(input: PlanInput, areWorkloadsCurrent: boolean): Action[] {
  const wanted = new Set(input.desired.map(({ object }) => keyOf(object)));
  return input.live.flatMap((live): Action[] => {
    const owned = ownedKinds.find(({ kind }) => kind === live.kind);
    if (owned === undefined || owned.prune !== 'delete' || wanted.has(keyOf(live))) return [];
    if (live.metadata.deletionTimestamp !== undefined || ownedFields(live, fieldManagers.operator) === undefined)
      return [];
    return mayPrune(owned, areWorkloadsCurrent) ? [{ type: 'delete', live }] : [];
  });
}

/** Whether an object may be deleted now. A ServiceAccount stays while pods of the previous version may use it. */
function mayPrune(owned: OwnedKind, areWorkloadsCurrent: boolean): boolean {
  return owned.step !== 'identity' || areWorkloadsCurrent;
}

function planVerdicts({ proof }: PlanInput): Action[] {
  if (proof === undefined || proof.gonePods.length === 0) return [];
  return [{ type: 'dropVerdicts', proof: proof.live, pods: proof.gonePods }];
}

/** Annotation that makes the Topic Operator release a topic: with it a deletion of the KafkaTopic keeps the topic. */
export const releaseAnnotation = { key: 'strimzi.io/managed', value: 'false' } as const;

export function isReleased(topic: LiveObject): boolean {
  return topic.metadata.annotations?.[releaseAnnotation.key] === releaseAnnotation.value;
}

function toEntry({ object }: Child): InventoryEntry {
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}

/** Returns a key for an object. It has no API group, because our kinds have different names. */
function keyOf(object: {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string; readonly name: string };
}) {
  return `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
