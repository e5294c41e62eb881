import type { ReconcileResult } from '#kube/control/controller.ts';
import { planDeletion } from '#operator/plan/plan.ts';
import { worstIssue } from '#operator/status/issue.ts';
import { execute } from './execute.ts';
import { writeInventory } from './inventory.ts';
import { type Pass, toExecuteContext } from './pass.ts';
import { publishObstacle } from './publish.ts';

/**
 * Handles the deletion with policy Retain: releases the KafkaTopic, then removes the finalizer of the SumPipeline. It
 * sends no request to Kafka, PostgreSQL or Strimzi, so they cannot block the deletion. If the KafkaTopic cannot be
 * released, for instance without permission, the deletion still ends after 30 s: an untouched KafkaTopic keeps its
 * data.
 */
export async function deletePipeline(pass: Pass): Promise<ReconcileResult> {
  const { owner, hasFinalizer, dependencies } = pass;
  const done = await execute(planDeletion({ entries: owner.inventory, hasFinalizer }), toExecuteContext(pass));
  pass.record(done.events);
  const obstacle = worstIssue(done.failures);
  if (obstacle === undefined) {
    dependencies.census.see(pass.key, pass.previous, { isDeleting: true });
    return {};
  }
  if (isLate(pass)) {
    await leaveTopics(pass, obstacle.message);
    return {};
  }
  const message = `the KafkaTopic of the SumPipeline cannot be released yet: ${obstacle.message}`;
  await publishObstacle(pass, { kind: 'waiting', reason: 'DeletionBlocked', message });
  return { requeueAfterMs: retryMs };
}

function isLate({ object, dependencies }: Pass): boolean {
  const sinceMs = dependencies.now().getTime() - Date.parse(object.metadata.deletionTimestamp ?? '');
  return sinceMs > giveUpAfterMs;
}

async function leaveTopics(pass: Pass, why: string): Promise<void> {
  const { run, owner } = pass;
  await writeInventory(run.client, owner, []);
  const left = owner.inventory.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(', ');
  pass.record([
    {
      type: 'Warning',
      reason: 'TopicLeft',
      action: 'Release',
      note: `${left} was not released and stays with its data: ${why}`,
    },
  ]);
  run.logger.warn({ left, why }, 'the topic of a deleted pipeline could not be released and stays with its data');
}

/**
 * Maximum time of the attempts to release the topic. It is half a minute, because every deletion must end within a
 * minute.
 */
const giveUpAfterMs = 30_000;
const retryMs = 3_000;
