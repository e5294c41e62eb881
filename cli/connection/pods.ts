import type { Duplex } from 'node:stream';
import { TryAgain } from '#cli/api/failure.ts';
import { CliError, describeChain, exitCodes } from '#cli/exit.ts';
import { selectorLabels } from '#contract/labels.ts';
import { type Component, formatRef, type PipelineRef } from '#contract/names.ts';
import type { LivePod } from '#operator/observe/objects.ts';
import { explainPod, isReadyPod } from '#operator/observe/pod.ts';
import { type Cluster, ClusterRefused } from './cluster.ts';
import { podListSchema } from './podList.ts';
import { forwardPort } from './tunnel.ts';

export interface PodDiallerOptions {
  readonly cluster: Cluster;
  readonly ref: PipelineRef;
  readonly component: Component;
  readonly port: number;
  readonly signal: AbortSignal;
}

/**
 * How long a list of pods may be used again, in milliseconds. At the start of a command, or after a pod has ended,
 * several connections are made at the same time and share one list.
 */
const listFreshMs = 1_000;

/**
 * Returns a function that connects to a ready pod. Each call takes the next pod of the list. After a failure the pods
 * are listed again. The new list does not contain a pod that has ended, so the next connection goes to a running pod.
 */
export function createPodDialler(options: PodDiallerOptions): () => Promise<Duplex> {
  const { cluster, ref, component, port, signal } = options;
  let turn = 0;
  let looked: { at: number; pods: Promise<LivePod[]> } | undefined;
  return async () => {
    if (looked === undefined || performance.now() - looked.at > listFreshMs) {
      looked = { at: performance.now(), pods: listPods(options) };
    }
    const pods = await looked.pods;
    const ready = pods.filter(isReadyPod);
    const pod = ready[turn++ % Math.max(1, ready.length)];
    if (pod === undefined) {
      // Let the caller retry: nothing was sent, and Kubernetes replaces the pods.
      throw new TryAgain(`no ${component} of ${formatRef(ref)} is ready (${describePods(pods)})`, {
        mayBeWritten: false,
      });
    }
    try {
      return await forwardPort({ cluster, namespace: ref.namespace, pod: pod.metadata.name, port, signal });
    } catch (error) {
      looked = undefined;
      throw explainForward(error, pod.metadata.name, ref.namespace);
    }
  };
}

async function listPods({ cluster, ref, component, signal }: PodDiallerOptions): Promise<LivePod[]> {
  const labelSelector = Object.entries(selectorLabels(ref, component))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const path = `/api/v1/namespaces/${encodeURIComponent(ref.namespace)}/pods`;
  try {
    const answer = await cluster.request({ method: 'GET', path, query: { labelSelector }, signal });
    return podListSchema.parse(answer).items;
  } catch (error) {
    if (error instanceof ClusterRefused && error.status === 403) {
      throw new CliError(exitCodes.failed, `not permitted: ${error.message}`, {
        hint: `sumctl reaches a pipeline through its pods: ask for list on pods and create on pods/portforward in namespace "${ref.namespace}".`,
        cause: error,
      });
    }
    signal.throwIfAborted();
    throw new TryAgain(describeChain(error), { mayBeWritten: false, cause: error });
  }
}

function describePods(pods: readonly LivePod[]): string {
  const [first] = pods;
  if (first === undefined) return 'there are no pods';
  const { deletionTimestamp, name } = first.metadata;
  const waiting = deletionTimestamp === undefined ? (first.status?.phase ?? 'unknown') : 'terminating';
  return `0 of ${pods.length}; ${name}: ${explainPod(first)?.reason ?? waiting}`;
}

function explainForward(error: unknown, pod: string, namespace: string): Error {
  // The credentials failed, so nothing was sent to the pod.
  if (error instanceof CliError) return new TryAgain(error.message, { mayBeWritten: false, cause: error });
  const text = describeChain(error);
  if (/\b403\b/.test(text)) {
    return new CliError(exitCodes.failed, `not permitted to forward a port to pod ${pod}`, {
      hint: `Ask for create on pods/portforward in namespace "${namespace}".`,
      cause: error,
    });
  }
  return new TryAgain(`cannot reach pod ${pod} through the API server: ${text}`, { mayBeWritten: false, cause: error });
}
