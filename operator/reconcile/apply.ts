import { fieldManagers, labelKeys } from '#contract/labels.ts';
import { formatRef } from '#contract/names.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import type { KubeObject, Live, ManagedFieldsEntry } from '#kube/client/object.ts';
import { StalledError } from '#kube/control/outcome.ts';
import type { Child } from '#operator/desired/child.ts';
import { describeObject } from '#operator/plan/action.ts';
import { isOurs, type Owner } from './ownership.ts';
import { childResource } from './resources.ts';

/**
 * Applies an object for the first time. A forced apply would merge into a foreign object without an error. So first
 * check whether an object has the name:
 *
 * 1. An object has the name and is ours: apply with its uid. The cache was old, or another client removed our labels.
 * 2. An object has the name and is foreign: do not change it. Throw StalledError NameConflict.
 * 3. No object has the name: apply. If the response is 201 (created), the object is ours.
 * 4. If the response is 200, another client created the object after our check. Remove our fields from the object and
 *    throw StalledError NameConflict.
 */
export async function createChild(
  child: Child,
  { client, owner }: { readonly client: KubeClient; readonly owner: Owner },
): Promise<Live> {
  const resource = childResource(child.owned.kind);
  const found = await client.find(resource, child.object.metadata);
  if (found !== undefined) {
    if (!isOurs(found, owner)) throw nameConflict(child, owner);
    return applyChild(child, found.metadata.uid, client);
  }
  const { object, created } = await client.apply(resource, toRequest(child), asOperator);
  if (created) return object;
  await giveBack(object, client);
  throw nameConflict(child, owner);
}

/**
 * Sets our fields only on the object with this uid. Throws a conflict if the object was replaced or deleted.
 */
export async function applyChild(child: Child, uid: string, client: KubeClient): Promise<Live> {
  const { object } = await client.apply(childResource(child.owned.kind), toRequest(child, uid), asOperator);
  return object;
}

const asOperator = { fieldManager: fieldManagers.operator, force: true } as const;

function toRequest({ object }: Child, uid?: string): KubeObject {
  const { labels, annotations, ownerReferences, ...names } = object.metadata;
  return {
    ...object,
    metadata: {
      ...names,
      labels: { ...labels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(ownerReferences === undefined ? {} : { ownerReferences: [...ownerReferences] }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

function nameConflict(child: Child, owner: Owner): StalledError {
  return new StalledError(
    'NameConflict',
    `${describeObject(child.object)} exists and does not belong to SumPipeline ${formatRef(owner.ref)}; it was left untouched. ` +
      'Delete or rename it, or create the SumPipeline under another name',
  );
}

/**
 * Removes our labels, our ownerReference and our entry in managedFields from a foreign object. A race with another
 * client made us write into this object. If they stayed, the next pass would treat the object as ours, and garbage
 * collection would delete it with the SumPipeline. Values that we overwrote are not restored.
 */
async function giveBack(object: Live, client: KubeClient): Promise<void> {
  const resource = childResource(object.kind);
  for (let attempt = 1; ; attempt++) {
    const live = await client.find(resource, object.metadata);
    if (live === undefined || live.metadata.uid !== object.metadata.uid) return;
    const { resourceVersion, ownerReferences = [], managedFields = [] } = live.metadata;
    const references = ownerReferences.filter(({ kind }) => kind !== 'SumPipeline');
    const isOurApply = ({ manager, operation }: ManagedFieldsEntry) =>
      manager === fieldManagers.operator && operation === 'Apply';
    const othersFields = managedFields.filter((entry) => !isOurApply(entry));
    const patch = {
      metadata: {
        resourceVersion,
        // Remove our entry in managedFields too: `isOurs` would accept a topic that has this entry and is in the
        // inventory, even without our labels.
        managedFields: othersFields.length === 0 ? [{}] : othersFields, // [] would change nothing, [{}] clears the list
        labels: Object.fromEntries(Object.values(labelKeys).map((key) => [key, null])),
        ownerReferences: references.length === 0 ? null : references,
      },
    };
    try {
      await client.mergePatch(resource, live.metadata, patch, { fieldManager: fieldManagers.operator });
      return;
    } catch (error) {
      if (!isKubernetesError(error, 'conflict') || attempt === giveBackAttempts) throw error;
    }
  }
}

/**
 * Maximum number of attempts. A conflict means that the client that created the object wrote it at the same time. It
 * does so only a few times.
 */
const giveBackAttempts = 5;
