import { z } from 'zod';
import { type Cluster, ClusterRefused, loadCluster } from '#cli/connection/cluster.ts';
import { CliError } from '#cli/exit.ts';
import { apiVersion, type PipelineRef } from '#contract/names.ts';

interface Problem {
  /** Empty if the problem concerns the object as a whole. */
  readonly path: string;
  readonly message: string;
}

/** The result of one check: whether the check ran, and which problems it found. */
export interface Check {
  readonly ran: boolean;
  /** Which server was used, or why the check did not run. */
  readonly note: string;
  readonly problems: readonly Problem[];
}

/** An API server that checks one document by a dry run. */
export interface Server {
  readonly namespace: string | undefined;
  check(ref: PipelineRef, content: unknown): Promise<Check>;
  /** Returns why the server could not be reached. Undefined if it responded. */
  unreachable(): CliError | undefined;
}

/**
 * Opens the API server for dry runs. If the server cannot be reached, the note of the check says why, and the caller
 * decides whether this is an error.
 */
export function openServer(
  options: { kubeconfig?: string | undefined; context?: string | undefined },
  signal: AbortSignal,
): Server {
  let cluster: Cluster;
  try {
    cluster = loadCluster(options);
  } catch (error) {
    // If the user named a context or a kubeconfig, report the error. Otherwise this machine may have no kubeconfig, and
    // only the offline check runs.
    if (!(error instanceof CliError) || options.context !== undefined || options.kubeconfig !== undefined) throw error;
    return { namespace: undefined, check: async () => notAsked(error.message), unreachable: () => error };
  }
  let unreachable: CliError | undefined;
  return {
    namespace: cluster.namespace,
    unreachable: () => unreachable,
    async check(ref, content) {
      try {
        return await dryRun(cluster, ref, content, signal);
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        unreachable = error;
        return notAsked(error.message);
      }
    },
  };
}

async function dryRun(cluster: Cluster, ref: PipelineRef, content: unknown, signal: AbortSignal): Promise<Check> {
  const note = `context ${cluster.context}`;
  try {
    await send(cluster, ref, content, signal);
    return { ran: true, note, problems: [] };
  } catch (error) {
    if (!(error instanceof ClusterRefused)) throw error;
    if (error.status === 404 && !/namespaces? /.test(error.message)) {
      return notAsked(`${note} does not know SumPipelines: install the operator's CRD first`);
    }
    if (error.status === 403 && error.reason === 'Forbidden' && error.causes.length === 0) {
      return notAsked(`${note}: ${error.message}`);
    }
    return { ran: true, note, problems: readProblems(error) };
  }
}

const objectSchema = z.looseObject({ metadata: z.looseObject({}) });

/**
 * Creates or replaces the object in a dry run. Server-side apply would keep fields that the file no longer has, and the
 * server would check a mixture.
 */
async function send(cluster: Cluster, ref: PipelineRef, content: unknown, signal: AbortSignal): Promise<void> {
  const collection = `/apis/${apiVersion}/namespaces/${encodeURIComponent(ref.namespace)}/sumpipelines`;
  const path = `${collection}/${encodeURIComponent(ref.name)}`;
  const query = { dryRun: 'All', fieldValidation: 'Strict' };
  const found = await cluster.request({ method: 'GET', path, signal }).catch((error: unknown) => {
    if (error instanceof ClusterRefused && error.status === 404) return undefined;
    throw error;
  });
  const object = objectSchema.parse(content);
  if (found === undefined) {
    await cluster.request({ method: 'POST', path: collection, query, body: object, signal });
    return;
  }
  const { resourceVersion, uid } = liveSchema.parse(found).metadata;
  const body = { ...object, metadata: { ...object.metadata, namespace: ref.namespace, resourceVersion, uid } };
  await cluster.request({ method: 'PUT', path, query, body, signal });
}

const liveSchema = z.object({ metadata: z.object({ resourceVersion: z.string(), uid: z.string() }) });

function readProblems(error: ClusterRefused) {
  if (error.status === 404) return [{ path: 'metadata.namespace', message: `${error.message}: create it first` }];
  if (error.causes.length === 0) return [{ path: '', message: error.message }];
  return error.causes.map(({ field, message }) => ({ path: field === '<nil>' ? '' : field, message }));
}

function notAsked(note: string): Check {
  return { ran: false, note, problems: [] };
}
