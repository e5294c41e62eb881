import { fieldManagers } from '#contract/labels.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import type { Live, ObjectName } from '#kube/client/object.ts';
import type { InventoryEntry } from '#operator/plan/inventory.ts';
import { isReleased, releaseAnnotation } from '#operator/plan/plan.ts';
import { isOurs, type Owner } from './ownership.ts';
import { kafkaTopics } from './resources.ts';

/**
 * Annotates a KafkaTopic so that Strimzi releases the topic and keeps its data. This also works for a KafkaTopic that
 * is already being deleted: the Topic Operator reads the annotation when it handles the deletion.
 */
export async function releaseTopic(
  client: KubeClient,
  live: { metadata: ObjectName & { uid: string } },
): Promise<Live> {
  const { uid } = live.metadata;
  // The patch has the uid, so the API server refuses it if another object now has the name.
  const patch = { metadata: { uid, annotations: { [releaseAnnotation.key]: releaseAnnotation.value } } };
  return client.mergePatch(kafkaTopics, live.metadata, patch, { fieldManager: fieldManagers.operator });
}

/**
 * Deletes a KafkaTopic and keeps its topic. The precondition of the deletion is the resourceVersion with the
 * annotation, so the deletion fails if another client has removed the annotation. The function does not wait for
 * Strimzi, because Strimzi may be uninstalled. Returns false if there was no KafkaTopic of ours.
 */
export async function retainTopic(client: KubeClient, owner: Owner, entry: InventoryEntry): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    const found = await client.find(kafkaTopics, entry);
    // Do not touch a foreign object with this name.
    if (found === undefined || !isOurs(found, owner)) return false;
    try {
      const released = isReleased(found) ? found : await releaseTopic(client, found);
      if (released.metadata.deletionTimestamp !== undefined) return true;
      const { uid, resourceVersion } = released.metadata;
      await client.delete(kafkaTopics, entry, { uid, resourceVersion });
      return true;
    } catch (error) {
      if (isKubernetesError(error, 'notFound')) return true;
      // Another client wrote the object after we read it, most likely Strimzi. Read the object again.
      if (!isKubernetesError(error, 'conflict') || attempt === attemptsMax) throw error;
    }
  }
}

/**
 * Maximum number of attempts. Strimzi writes the object once or twice after the annotation, and each write causes a
 * conflict. After ten conflicts another client must be writing all the time, so the next pass tries again.
 */
const attemptsMax = 10;
