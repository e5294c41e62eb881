import { fieldManagers } from '#contract/labels.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import { annotations, topicFinalizer } from '#operator/api/annotations.ts';
import { formatInventory, type InventoryEntry } from '#operator/plan/inventory.ts';
import type { Owner } from './ownership.ts';
import { pipelines } from './resources.ts';

/** Maximum number of attempts. A conflict means that another client wrote the SumPipeline, which happens rarely. */
const attemptsMax = 5;

/** Writes the finalizer and the inventory in one patch, or removes both. Finalizers of other field managers stay. */
export async function writeInventory(
  client: KubeClient,
  { ref, uid }: Owner,
  entries: readonly InventoryEntry[],
): Promise<void> {
  if (entries.length === 0) return forgetInventory(client, { ref, uid });
  const marks = { finalizers: [topicFinalizer], annotations: { [annotations.inventory]: formatInventory(entries) } };
  const { group, version, kind } = pipelines;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { ...ref, uid, ...marks } };
  await client.apply(pipelines, object, { fieldManager: fieldManagers.operator, force: true });
}

/**
 * Removes finalizer and inventory with a merge patch, because a merge patch removes them for every field manager. An
 * apply without them would only give up our ownership: a finalizer that another manager also owns would stay, and the
 * SumPipeline would never be deleted. Another manager owns the finalizer, for instance, after a restore from a dump.
 */
async function forgetInventory(client: KubeClient, { ref, uid }: Pick<Owner, 'ref' | 'uid'>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const live = await client.find(pipelines, ref);
    if (live === undefined || live.metadata.uid !== uid) return;
    const { resourceVersion, finalizers = [] } = live.metadata;
    const rest = finalizers.filter((finalizer) => finalizer !== topicFinalizer);
    const metadata = { resourceVersion, finalizers: rest, annotations: { [annotations.inventory]: null } };
    try {
      await client.mergePatch(pipelines, ref, { metadata }, { fieldManager: fieldManagers.operator });
      return;
    } catch (error) {
      if (!isKubernetesError(error, 'conflict') || attempt === attemptsMax) throw error;
    }
  }
}
