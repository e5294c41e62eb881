import { type ChildHealth, findCondition } from './health.ts';
import type { LiveDeployment, LivePod } from './objects.ts';
import { firstPodProblem } from './pod.ts';

export interface WorkloadHealth extends ChildHealth {
  readonly ready: number;
  readonly wanted: number;
}

/**
 * Returns the health of a Deployment by the rules of kstatus. The message is the message of its first failing pod: "1
 * of 3 pods are ready" does not help a user, "Secret orders-kafka, key password is missing" does.
 */
export function observeDeployment(
  name: string,
  deployment: LiveDeployment | undefined,
  pods: readonly LivePod[],
): WorkloadHealth {
  if (deployment === undefined) {
    return { ...progressing('NotCreated', `Deployment ${name} does not exist yet`), ready: 0, wanted: 0 };
  }
  const wanted = deployment.spec?.replicas ?? 1;
  const ready = deployment.status?.readyReplicas ?? 0;
  return { ...healthOf(name, deployment, pods, wanted), ready, wanted };
}

function healthOf(name: string, deployment: LiveDeployment, pods: readonly LivePod[], wanted: number): ChildHealth {
  const { metadata, status = {} } = deployment;
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0, conditions } = status;
  if (metadata.deletionTimestamp !== undefined) {
    return progressing('BeingDeleted', `Deployment ${name} is being deleted; the operator re-creates it afterwards`);
  }
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
    return progressing(
      'RolloutPending',
      `Deployment ${name}: the Deployment controller has not processed the last change yet`,
    );
  }
  const progress = findCondition(conditions, 'Progressing');
  const isLate = progress?.status === 'False' && progress.reason === 'ProgressDeadlineExceeded';
  const isDone =
    updatedReplicas >= wanted && replicas <= updatedReplicas && availableReplicas >= wanted && readyReplicas >= wanted;
  if (isDone) return { state: 'ready', reason: 'Ready', message: `Deployment ${name} is ready` };

  const state = isLate ? 'failed' : 'progressing';
  const refused = findCondition(conditions, 'ReplicaFailure');
  if (refused?.status === 'True') {
    // A quota, an admission policy or a missing ServiceAccount refuses the pods. So no pod exists to report a problem.
    return {
      state,
      reason: refused.reason ?? 'ReplicaFailure',
      message: `Deployment ${name} cannot create pods: ${refused.message ?? 'no message'}`,
    };
  }
  const problem = firstPodProblem(pods);
  if (problem !== undefined) {
    return { state, reason: problem.reason, message: `Deployment ${name}, pod ${problem.pod}: ${problem.message}` };
  }
  if (isLate) {
    const message = `Deployment ${name} exceeded its progress deadline: ${progress.message ?? 'no message'}`;
    return { state, reason: 'ProgressDeadlineExceeded', message };
  }
  const isRollout = updatedReplicas < wanted || replicas > updatedReplicas;
  return isRollout
    ? progressing('RollingOut', `Deployment ${name}: pods are being replaced or started`)
    : progressing('PodsNotReady', `Deployment ${name}: pods are not ready yet`);
}

function progressing(reason: string, message: string): ChildHealth {
  return { state: 'progressing', reason, message };
}
