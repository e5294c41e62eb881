import { fieldManagers } from '#contract/labels.ts';
import { apiVersionOf } from '#kube/client/object.ts';
import type { ReconcileResult } from '#kube/control/controller.ts';
import type { Status } from '#operator/api/types.ts';
import type { Issue } from '#operator/status/issue.ts';
import { buildObstacleStatus, isSameStatus } from '#operator/status/status.ts';
import { transitionEvents } from '#operator/status/transitions.ts';
import { type Pass, timeOf } from './pass.ts';
import { pipelines } from './resources.ts';

/** Writes the status if it differs from the present status, then records events for the changes. */
export async function publishStatus(pass: Pass, status: Status): Promise<void> {
  const { dependencies, run, owner, key, object, previous } = pass;
  dependencies.census.see(key, status, { isDeleting: object.metadata.deletionTimestamp !== undefined });
  if (isSameStatus(previous, status)) return;
  const metadata = { ...owner.ref, uid: owner.uid };
  const wanted = { apiVersion: apiVersionOf(pipelines), kind: pipelines.kind, metadata, status };
  await run.client.applyStatus(pipelines, wanted, { fieldManager: fieldManagers.operator, force: true });
  dependencies.metrics.sumpipeline_operator_status_writes_total.inc();
  // Record events after the write: otherwise the next pass after a failed write would record the same events again.
  pass.record(transitionEvents(previous, status));
  const [before, after] = [previous, status].map((one) => one?.conditions?.find(({ type }) => type === 'Ready'));
  if (before?.reason === after?.reason && before?.message === after?.message) return;
  run.logger.info(
    { ready: after?.status, reason: after?.reason, why: after?.message },
    'condition Ready of the pipeline changed',
  );
}

/** Writes the status of a pass that a problem stopped (the obstacle). All other fields keep their last values. */
export async function publishObstacle(pass: Pass, obstacle: Issue): Promise<ReconcileResult> {
  const { generation } = pass.object.metadata;
  await publishStatus(pass, buildObstacleStatus(pass.previous, obstacle, { generation, now: timeOf(pass) }));
  return {};
}
