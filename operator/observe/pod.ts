import { findCondition } from './health.ts';
import { lastWords } from './lastWords.ts';
import type { ContainerStatus, LivePod } from './objects.ts';

/** Why a pod is not ready. */
export interface PodProblem {
  readonly reason: string;
  /** Without the pod's name: two pods with the same problem have the same message. */
  readonly message: string;
}

export function isReadyPod(pod: LivePod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

/** The pods that count: not being deleted and not ended (an evicted pod stays as Failed beside its replacement). */
export function currentPods(pods: readonly LivePod[]): LivePod[] {
  return pods
    .filter((pod) => pod.metadata.deletionTimestamp === undefined)
    .filter((pod) => pod.status?.phase !== 'Failed' && pod.status?.phase !== 'Succeeded')
    .toSorted((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
}

/** The first pod, by name, with a reason why it is not ready. Undefined when all are ready or none has a reason yet. */
export function firstPodProblem(pods: readonly LivePod[]): (PodProblem & { readonly pod: string }) | undefined {
  for (const pod of currentPods(pods)) {
    const problem = isReadyPod(pod) ? undefined : explainPod(pod);
    if (problem !== undefined) return { ...problem, pod: pod.metadata.name };
  }
  return undefined;
}

/** Why one pod is not ready; undefined if its status gives no reason yet. */
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

/** Reasons of a container that is merely starting. */
const startingReasons = new Set(['ContainerCreating', 'PodInitializing']);

/**
 * A container that fails again and again passes through waiting, running and terminated. All three must read the
 * same, or the status would be written at every change. So the last termination decides, not the present state.
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
 * The kubelet alternates between two reasons with one cause: `Back-off pulling image "x": ErrImagePull: <the cause>`.
 */
function imageMessage(container: ContainerStatus, message: string | undefined): string {
  const cause = (message ?? '').replace(/^Back-off pulling image "[^"]*"(: ErrImagePull: )?/, '');
  const image = `image ${container.image ?? `of container ${container.name}`} cannot be pulled`;
  return cause === '' ? image : `${image}: ${cause}`;
}
