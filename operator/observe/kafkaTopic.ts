import { type ChildHealth, findCondition } from './health.ts';
import type { LiveKafkaTopic } from './objects.ts';

/** Health of a Strimzi KafkaTopic. `Unmanaged` and `Paused` are a person's choice: the topic itself is there. */
export function observeKafkaTopic(name: string, topic: LiveKafkaTopic | undefined): ChildHealth {
  if (topic === undefined) return progressing('TopicNotCreated', `KafkaTopic ${name} does not exist yet`);
  if (topic.metadata.deletionTimestamp !== undefined) {
    const message = `KafkaTopic ${name} is being deleted; the data is kept, and it is made again when it is gone`;
    return progressing('TopicBeingDeleted', message);
  }
  const { observedGeneration = 0, conditions } = topic.status ?? {};
  const notReady = findCondition(conditions, 'NotReady') ?? findNegativeReady(conditions);
  const isSeen = observedGeneration >= (topic.metadata.generation ?? 0);
  if (!isSeen || (notReady === undefined && conditions === undefined)) {
    const message = `KafkaTopic ${name}: Strimzi's Topic Operator has not taken it up yet; is it running?`;
    return progressing('TopicPending', message);
  }
  if (notReady !== undefined) {
    const reason = notReady.reason ?? 'TopicNotReady';
    return { state: 'failed', reason, message: `KafkaTopic ${name}: ${notReady.message ?? reason}` };
  }
  if (findCondition(conditions, 'Ready') === undefined && findCondition(conditions, 'Unmanaged') === undefined) {
    return progressing('TopicPending', `KafkaTopic ${name}: Strimzi has not said yet whether it is ready`);
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
