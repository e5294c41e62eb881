import { z } from 'zod';
import { CliError, exitCodes, usageError } from '#cli/exit.ts';
import { apiVersion, type PipelineRef } from '#contract/names.ts';
import { type Cluster, ClusterRefused } from './cluster.ts';

/** A SumPipeline as the API server returned it. */
export interface FoundPipeline {
  readonly ref: PipelineRef;
  readonly resource: unknown;
}

const itemSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });
const listSchema = z.object({ items: z.array(itemSchema) });

/** Maximum number of names in a message: a longer list does not help to choose. */
const namesShown = 10;

/**
 * Finds the pipeline with this name. If no name is given, finds the only pipeline of the namespace. Throws a CliError
 * if no pipeline or more than one pipeline is found. The hint of the error lists the pipelines of the namespace.
 */
export async function findPipeline(
  cluster: Cluster,
  request: { namespace: string | undefined; name: string | undefined; signal: AbortSignal },
): Promise<FoundPipeline> {
  const { name, signal } = request;
  const namespace = request.namespace ?? cluster.namespace;
  const collection = `/apis/${apiVersion}/namespaces/${encodeURIComponent(namespace)}/sumpipelines`;
  if (name !== undefined) {
    const path = `${collection}/${encodeURIComponent(name)}`;
    const resource = await cluster.request({ method: 'GET', path, signal }).catch(async (error: unknown) => {
      if (!(error instanceof ClusterRefused) || error.status !== 404) throw explain(error, namespace);
      const others = (await list(cluster, collection, namespace, signal)).map((item) => item.metadata.name);
      throw new CliError(exitCodes.failed, `there is no SumPipeline "${name}" in namespace "${namespace}"`, {
        hint: others.length === 0 ? lookElsewhere : `The namespace has: ${enumerate(others)}`,
      });
    });
    return { ref: { namespace, name }, resource };
  }
  const items = await list(cluster, collection, namespace, signal);
  const [only] = items;
  if (only === undefined) {
    throw new CliError(exitCodes.failed, `there is no SumPipeline in namespace "${namespace}"`, {
      hint: lookElsewhere,
    });
  }
  if (items.length > 1) {
    throw usageError(
      `namespace "${namespace}" has ${items.length} SumPipelines: say which one`,
      `Add --pipeline with one of: ${enumerate(items.map((item) => item.metadata.name))}`,
    );
  }
  return { ref: { namespace, name: only.metadata.name }, resource: only };
}

const lookElsewhere = 'Look in all namespaces: kubectl get sumpipelines -A. Then choose one with -n and -p.';

async function list(cluster: Cluster, path: string, namespace: string, signal: AbortSignal) {
  const answer = await cluster.request({ method: 'GET', path, signal }).catch((error: unknown) => {
    throw explain(error, namespace);
  });
  return listSchema.parse(answer).items;
}

function explain(error: unknown, namespace: string): unknown {
  if (!(error instanceof ClusterRefused)) return error;
  if (error.status === 404) {
    return new CliError(exitCodes.failed, 'this cluster does not know SumPipelines', {
      hint: 'Install the operator first (kubectl apply -k manifests/operator), or choose another cluster with --context.',
      cause: error,
    });
  }
  if (error.status === 403) {
    return new CliError(exitCodes.failed, `not permitted: ${error.message}`, {
      hint: `Ask for the rights to get and list sumpipelines in namespace "${namespace}".`,
      cause: error,
    });
  }
  return new CliError(exitCodes.unreachable, `the API server refused: ${error.message}`, { cause: error });
}

function enumerate(names: readonly string[]): string {
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  return `${names.slice(0, namesShown).join(', ')}${more}`;
}
