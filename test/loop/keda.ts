import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findGoSource } from '#lab/cluster/binaries.ts';
import { buildKedaImage, kedaImage } from '#lab/image/keda.ts';
import type { Progress } from '#lab/progress.ts';
import { installOperator, type KubeObject, mapContainers, namespacesFirst, readObjects } from '#lab/up/install.ts';
import type { LocalTarget } from '#lab/up/local.ts';

export interface KedaOptions {
  readonly target: Pick<LocalTarget, 'kubectl' | 'loadImage'>;
  /** Folder for log files. */
  readonly dir: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** KEDA in the cluster. It serves external.metrics.k8s.io. */
export interface Keda {
  /** Ends its pods without a grace period and starts no new ones. */
  kill(): Promise<void>;
  /** Starts the pods again and waits until KEDA serves. */
  start(): Promise<void>;
}

const module = 'github.com/kedacore/keda/v2';
/**
 * Folder of KEDA's own installation without admission webhooks. The webhooks only check ScaledObjects that users
 * write.
 */
const manifests = join('config', 'minimal');
const namespace = 'keda';
const deployments = ['keda-operator', 'keda-metrics-apiserver'] as const;
const apiService = 'apiservice/v1beta1.external.metrics.k8s.io';
const timeout = '--timeout=180s';

/** Installs KEDA from its own manifests, with an image of its programs that is compiled here. */
export async function installKeda({ target, dir, progress, signal }: KedaOptions): Promise<Keda> {
  const { kubectl, loadImage } = target;
  await mkdir(dir, { recursive: true });
  const archive = await buildKedaImage({ progress });
  await progress.step('Load the image of KEDA', () => loadImage(archive));
  const scale = (replicas: number) => {
    const targets = deployments.map((name) => `deployment/${name}`);
    return kubectl.run(['-n', namespace, 'scale', ...targets, `--replicas=${replicas}`], { signal });
  };
  const start = async () => {
    await scale(1);
    for (const name of deployments) {
      await kubectl.run(['-n', namespace, 'rollout', 'status', `deployment/${name}`, timeout], { signal });
    }
    await kubectl.run(['wait', '--for=condition=Available', apiService, timeout], { signal });
  };
  await progress.step('Install KEDA', async (step) => {
    const source = await findGoSource('keda', module, { log: join(dir, 'download.log'), step });
    const objects = readObjects(await kubectl.run(['kustomize', join(source, manifests)], { signal }));
    await installOperator(kubectl, splitCrds(objects), signal);
    await start();
  });
  return {
    start,
    async kill() {
      await scale(0);
      const pods = ['-n', namespace, 'delete', 'pods', '--all', '--grace-period=0', '--force'];
      await kubectl.run(pods, { signal });
    },
  };
}

/** Separates the CRDs from the objects that are applied after them. */
function splitCrds(objects: readonly KubeObject[]): { crds: KubeObject[]; objects: KubeObject[] } {
  const isCrd = ({ kind }: KubeObject) => kind === 'CustomResourceDefinition';
  const others = objects.filter((object) => !isCrd(object));
  return { crds: objects.filter(isCrd), objects: namespacesFirst(others.map(setImage)) };
}

/** Sets our image: KEDA's manifests name images of a registry, but the node has only ours. */
function setImage(object: KubeObject): KubeObject {
  if (object.kind !== 'Deployment') return object;
  return mapContainers(object, (container) => ({ ...container, image: kedaImage, imagePullPolicy: 'Never' }));
}
