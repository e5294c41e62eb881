import { type ChildHealth, findCondition } from './health.ts';
import type { LiveKafkaTopic } from './objects.ts';

/**
 * Returns the health of a Strimzi KafkaTopic. Condition `Unmanaged` is a user's choice and counts as ready, because
 * the topic exists.
 */
export function observeKafkaTopic(name: string, topic: LiveKafkaTopic | undefined): ChildHealth {
  if (topic === undefined) return progressing('TopicNotCreated', `KafkaTopic ${name} does not exist yet`);
  if (topic.metadata.deletionTimestamp !== undefined) {
    const message = `KafkaTopic ${name} is being deleted; its data is kept, and the operator re-creates it afterwards`;
    return progressing('TopicBeingDeleted', message);
  }
  const { observedGeneration = 0, conditions } = topic.status ?? {};
  const notReady = findCondition(conditions, 'NotReady') ?? findNegativeReady(conditions);
  const isSeen = observedGeneration >= (topic.metadata.generation ?? 0);
  if (!isSeen || (notReady === undefined && conditions === undefined)) {
    const message = `KafkaTopic ${name}: waiting for Strimzi's Topic Operator; check that the Topic Operator is running`;
    return progressing('TopicPending', message);
  }
  if (notReady !== undefined) {
    const reason = notReady.reason ?? 'TopicNotReady';
    return { state: 'failed', reason, message: `KafkaTopic ${name}: ${notReady.message ?? reason}` };
  }
  if (findCondition(conditions, 'Ready') === undefined && findCondition(conditions, 'Unmanaged') === undefined) {
    return progressing('TopicPending', `KafkaTopic ${name}: Strimzi has not reported yet whether the topic is ready`);
  }
  return { state: 'ready', reason: 'Ready', message: `KafkaTopic ${name} is ready` };
}

function findNegativeReady(conditions: Parameters<typeof findCondition>[0]) {
  const ready = findCondition(conditions, 'Ready');
  return ready?.status === 'False' ? ready : undefined;
}

function progressing(reason: string, message: string): ChildHealth {
  return { state: 'progressing', reason, message };
}
