import { shellWord } from '#cli/output/shell.ts';
import type { Kubectl } from './kubectl.ts';

/** The cluster that `up` works on, local or named by the user. */
export interface Target {
  /** File of the kubeconfig. Undefined: kubectl finds the file itself. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly kubectlPath: string;
  readonly kubectl: Kubectl;
  /** Image of SumPipeline that the cluster's nodes can run. */
  readonly image: string;
  /** Resolves with a sentence when the cluster on this machine has ended. Never resolves for a cluster of the user. */
  readonly died: Promise<string>;
}

/** Returns the kubectl command for this cluster, as a user types it. */
export function describeKubectl({ kubeconfig, context, kubectlPath }: Target): string {
  return [
    kubectlPath,
    ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]),
    ...(context === undefined ? [] : ['--context', context]),
  ]
    .map(shellWord)
    .join(' ');
}
