import type { ReconcileResult } from '#kube/control/controller.ts';
import { planDeletion } from '#operator/plan/plan.ts';
import { worstIssue } from '#operator/status/issue.ts';
import { execute } from './execute.ts';
import { writeInventory } from './inventory.ts';
import { type Pass, toExecuteContext } from './pass.ts';
import { publishObstacle } from './publish.ts';

/**
 * Deletion with Retain: release the KafkaTopic, then remove the finalizer of the SumPipeline. No request goes to Kafka,
 * PostgreSQL or Strimzi, so none of them can block the deletion. If the KafkaTopic cannot be released (the owner of its
 * namespace removed our permissions, a webhook is down), the SumPipeline is still deleted after a while: a KafkaTopic
 * that was not touched keeps its data.
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
  const message = `its KafkaTopic cannot be released yet: ${obstacle.message}`;
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
  run.logger.warn({ left, why }, 'gave up releasing the topic of a deleted pipeline');
}

/** A deletion ends within a minute in every case; half of that minute is for retries. */
const giveUpAfterMs = 30_000;
const retryMs = 3_000;
