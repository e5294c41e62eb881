import { join } from 'node:path';
import { startCluster } from '#lab/cluster/cluster.ts';
import { buildImage } from '#lab/image/image.ts';
import type { Lock } from '#lab/lock.ts';
import type { Progress } from '#lab/progress.ts';
import { bothOrNeither } from './both.ts';
import { createKubectl } from './kubectl.ts';
import type { Target } from './target.ts';

export interface LocalOptions {
  /** The repository. */
  readonly root: string;
  /** Folder for kubectl's API cache. */
  readonly cacheDir: string;
  readonly lock: Lock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** The cluster on this machine, into which images can be loaded. */
export interface LocalTarget extends Target, AsyncDisposable {
  /** Imports an OCI archive. */
  loadImage(tarPath: string): Promise<void>;
}

/** Starts a one-node Kubernetes on this machine and loads the image of this repository. */
export async function startLocal(options: LocalOptions): Promise<LocalTarget> {
  const { root, cacheDir, lock, progress, signal } = options;
  await using stack = new AsyncDisposableStack();
  const [cluster, image] = await bothOrNeither(
    signal,
    async (either) => stack.use(await startCluster({ what: 'npm start', lock, progress, signal: either })),
    () => buildImage({ root, progress }),
  );
  await progress.step('Load the image', () => cluster.loadImage(image.tarPath));
  const owned = stack.move();
  return {
    kubeconfig: cluster.kubeconfigPath,
    context: undefined,
    kubectlPath: cluster.kubectlPath,
    kubectl: createKubectl({
      command: cluster.kubectlPath,
      kubeconfig: cluster.kubeconfigPath,
      context: undefined,
      cacheDir: join(cacheDir, 'kubectl'),
    }),
    image: image.ref,
    died: cluster.died,
    loadImage: (tarPath) => cluster.loadImage(tarPath),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
