import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { TryAgain } from '#cli/api/failure.ts';
import { CliError, describeChain, exitCodes } from '#cli/exit.ts';
import { selectorLabels } from '#contract/labels.ts';
import { type Component, formatRef, type PipelineRef } from '#contract/names.ts';
import { type Cluster, ClusterRefused } from './cluster.ts';
import { forwardPort } from './tunnel.ts';

const podSchema = z.object({
  metadata: z.object({ name: z.string(), deletionTimestamp: z.string().nullish() }),
  status: z
    .object({
      phase: z.string().optional(),
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            message: z.string().optional(),
          }),
        )
        .optional(),
      containerStatuses: z
        .array(
          z.object({
            state: z
              .object({
                waiting: z.object({ reason: z.string().optional(), message: z.string().optional() }).nullish(),
                terminated: z.object({ reason: z.string().optional() }).nullish(),
              })
              .optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});
const podListSchema = z.object({ items: z.array(podSchema) });
type Pod = z.output<typeof podSchema>;

export interface PodDiallerOptions {
  readonly cluster: Cluster;
  readonly ref: PipelineRef;
  readonly component: Component;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** Connections are made a few at a time, after a start or a pod's death: they share one look at the pods. */
const listFreshMs = 1_000;

/**
 * Answers a function that makes a connection to a ready pod, another one each time. A pod that died is not in the
 * next list, so a broken connection comes back on one that lives.
 */
export function createPodDialler(options: PodDiallerOptions): () => Promise<Duplex> {
  const { cluster, ref, component, port, signal } = options;
  let turn = 0;
  let looked: { at: number; pods: Promise<Pod[]> } | undefined;
  return async () => {
    if (looked === undefined || performance.now() - looked.at > listFreshMs) {
      looked = { at: performance.now(), pods: listPods(options) };
    }
    const pods = await looked.pods;
    const ready = pods.filter(isReady);
    const pod = ready[turn++ % Math.max(1, ready.length)];
    if (pod === undefined) {
      // Nothing was sent. Pods come back by themselves, so this is worth another try.
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

async function listPods({ cluster, ref, component, signal }: PodDiallerOptions): Promise<Pod[]> {
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

function isReady(pod: Pod): boolean {
  const isLeaving = typeof pod.metadata.deletionTimestamp === 'string';
  return (
    !isLeaving && pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  );
}

function describePods(pods: readonly Pod[]): string {
  if (pods.length === 0) return 'there are no pods';
  const [first] = pods;
  const container = first?.status?.containerStatuses?.[0]?.state;
  const unscheduled = first?.status?.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  );
  const reason =
    container?.waiting?.reason ??
    container?.terminated?.reason ??
    unscheduled?.message ??
    (typeof first?.metadata.deletionTimestamp === 'string' ? 'terminating' : (first?.status?.phase ?? 'unknown'));
  return `0 of ${pods.length}; ${first?.metadata.name}: ${reason}`;
}

function explainForward(error: unknown, pod: string, namespace: string): Error {
  const text = describeChain(error);
  if (/\b403\b/.test(text)) {
    return new CliError(exitCodes.failed, `not permitted to forward a port to pod ${pod}`, {
      hint: `Ask for create on pods/portforward in namespace "${namespace}".`,
      cause: error,
    });
  }
  return new TryAgain(`cannot reach pod ${pod} through the API server: ${text}`, { mayBeWritten: false, cause: error });
}
