import type { ReconcileResult } from '#kube/control/controller.ts';
import { planDeletion } from '#operator/plan/plan.ts';
import { worstIssue } from '#operator/status/issue.ts';
import { execute } from './execute.ts';
import { type Pass, toExecuteContext } from './pass.ts';
import { publishObstacle } from './publish.ts';
import { recordInventory } from './record.ts';

/**
 * Deletion with Retain: give the KafkaTopic back, then let the SumPipeline go. Neither Kafka, PostgreSQL nor Strimzi is
 * asked, so none of them can hold it up. Should the KafkaTopic refuse (its namespace's owner took our rights away, a
 * webhook is down), the SumPipeline goes all the same after a while: a KafkaTopic that is left alone keeps its data.
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
  const message = `its KafkaTopic cannot be given back yet: ${obstacle.message}`;
  await publishObstacle(pass, { kind: 'waiting', reason: 'DeletionBlocked', message });
  return { requeueAfterMs: retryMs };
}

function isLate({ object, dependencies }: Pass): boolean {
  const sinceMs = dependencies.now().getTime() - Date.parse(object.metadata.deletionTimestamp ?? '');
  return sinceMs > giveUpAfterMs;
}

async function leaveTopics(pass: Pass, why: string): Promise<void> {
  const { run, owner } = pass;
  await recordInventory(run.client, owner, []);
  const left = owner.inventory.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(', ');
  pass.record([
    {
      type: 'Warning',
      reason: 'TopicLeft',
      action: 'Release',
      note: `${left} was left as it is, with its data: ${why}`,
    },
  ]);
  run.logger.warn({ left, why }, 'gave up releasing the topic of a deleted pipeline');
}

/** A deletion ends within a minute whatever happens; half of it is for trying. */
const giveUpAfterMs = 30_000;
const retryMs = 3_000;
