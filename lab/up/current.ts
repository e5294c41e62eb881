import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { loadCluster } from '#cli/connection/cluster.ts';
import { usageError } from '#cli/exit.ts';
import { createKubectl } from './kubectl.ts';
import type { Target } from './target.ts';

export interface CurrentOptions {
  readonly kubeconfig: string | undefined;
  /** The user must name the context: the current context may be any cluster, and this command installs software. */
  readonly context: string | undefined;
  /** An image that the cluster's nodes can pull. */
  readonly image: string | undefined;
  readonly cacheDir: string;
}

/** Returns the running cluster that the user names. Throws a usage error if an option is missing. */
export function useCurrent({ kubeconfig, context, image, cacheDir }: CurrentOptions): Target {
  if (context === undefined) {
    throw usageError(
      '--cluster current needs --context',
      'Name the context to install into: kubectl config get-contexts',
    );
  }
  if (image === undefined) {
    throw usageError(
      '--cluster current needs --image',
      'Name an image of SumPipeline that the nodes can pull or already have. To make one: docker build -t NAME .',
    );
  }
  loadCluster({ kubeconfig, context }); // refuses a context that does not exist
  return {
    kubeconfig,
    context,
    kubectlPath: 'kubectl',
    kubectl: createKubectl({ command: 'kubectl', kubeconfig, context, cacheDir: join(cacheDir, 'kubectl') }),
    image,
    died: new Promise(() => {}),
  };
}

/** Finds an address of this machine that pods on other machines can dial: Kafka and PostgreSQL listen there. */
export function findHostAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ family, internal }) => family === 'IPv4' && !internal);
    if (found !== undefined) return found.address;
  }
  throw usageError('this machine has no address that pods can reach', 'Name an address with --host.');
}
