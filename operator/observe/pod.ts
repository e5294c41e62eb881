import { findCondition } from './health.ts';
import { lastWords } from './lastWords.ts';
import type { ContainerStatus, LivePod } from './objects.ts';

/** Why a pod is not ready. */
export interface PodProblem {
  readonly reason: string;
  /** Does not name the pod, so that two pods with the same problem have the same message. */
  readonly message: string;
}

export function isReadyPod(pod: LivePod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

/**
 * Returns the pods that are not being deleted and have not ended. An evicted pod has ended: it still exists, with phase
 * Failed, beside the pod that replaced it.
 */
export function currentPods(pods: readonly LivePod[]): LivePod[] {
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .filter((pod) => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded')
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
}

/** Finds the first pod, by name, whose status says why the pod is not ready. Undefined if no status says it. */
export function firstPodProblem(pods: readonly LivePod[]): (PodProblem & { readonly pod: string }) | undefined {
  for (const pod of currentPods(pods)) {
    const problem = isReadyPod(pod) ? undefined : explainPod(pod);
    if (problem !== undefined) return { ...problem, pod: pod.metadata.name };
  }
  return undefined;
}

/** Explains why one pod is not ready. Undefined if the status of the pod gives no reason yet. */
export function explainPod(pod: Pick<LivePod, 'status'>): PodProblem | undefined {
  const { conditions, initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const container of [...initContainerStatuses, ...containerStatuses]) {
    const problem = observeContainer(container);
    if (problem !== undefined) return problem;
  }
  const scheduled = findCondition(conditions, 'PodScheduled');
  if (scheduled?.status === 'False') {
    return { reason: scheduled.reason ?? 'Unschedulable', message: scheduled.message ?? 'no node can run the pod' };
  }
  return undefined;
}

/** Waiting reasons of a container that starts normally. */
const startingReasons = new Set(['ContainerCreating', 'PodInitializing']);

/**
 * Explains why a container is not ready. A container in a crash loop changes between waiting, running and terminated.
 * All three states must give the same message: otherwise each change would cause a write of our status. So the message
 * describes the last termination.
 */
function observeContainer(container: ContainerStatus): PodProblem | undefined {
  const { name, ready = false, state = {}, lastState = {} } = container;
  const waiting = state.waiting;
  if (waiting?.reason === 'ErrImagePull' || waiting?.reason === 'ImagePullBackOff') {
    return { reason: 'ImagePullBackOff', message: imageMessage(container, waiting.message) };
  }
  const ended = state.terminated ?? lastState.terminated;
  if (!ready && ended !== undefined && ended.exitCode !== 0) return ofEnd(name, ended);
  if (waiting?.reason === undefined || startingReasons.has(waiting.reason)) return undefined;
  return { reason: waiting.reason, message: `container ${name}: ${waiting.message ?? waiting.reason}` };
}

function ofEnd(name: string, ended: { exitCode?: number; reason?: string; message?: string }): PodProblem {
  if (ended.reason === 'OOMKilled') {
    return {
      reason: 'OOMKilled',
      message: `container ${name} needed more memory than its limit: raise resources.limits.memory`,
    };
  }
  const words = lastWords(ended.message ?? '');
  const code = `container ${name} ended with exit code ${ended.exitCode ?? 'unknown'}`;
  return { reason: 'CrashLoopBackOff', message: words === '' ? code : `${code}: ${words}` };
}

/**
 * Returns the same message for ErrImagePull and ImagePullBackOff, because the kubelet alternates between them. The
 * cause in the message comes after `Back-off pulling image "x": ErrImagePull: `.
 */
function imageMessage(container: ContainerStatus, message: string | undefined): string {
  const cause = (message ?? '').replace(/^Back-off pulling image "[^"]*"(: ErrImagePull: )?/, '');
  const image = `image ${container.image ?? `of container ${container.name}`} cannot be pulled`;
  return cause === '' ? image : `${image}: ${cause}`;
}
