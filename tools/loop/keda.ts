import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { installOperator, type KubeObject, readObjects } from '#cli/up/install.ts';
import type { LocalTarget } from '#cli/up/local.ts';
import { findGoSource } from '#tools/cluster/binaries.ts';
import { buildKedaImage, kedaImage } from '#tools/image/keda.ts';
import type { Progress } from '#tools/progress.ts';

export interface KedaOptions {
  readonly target: Pick<LocalTarget, 'kubectl' | 'loadImage'>;
  /** For logs. */
  readonly dir: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** KEDA in the cluster; it serves external.metrics.k8s.io. */
export interface Keda {
  /** Ends its pods without grace and keeps them away. */
  kill(): Promise<void>;
  /** Brings them back and waits until it serves. */
  start(): Promise<void>;
}

const module = 'github.com/kedacore/keda/v2';
/** KEDA's own installation without admission webhooks, which only check ScaledObjects that people write. */
const manifests = join('config', 'minimal');
const namespace = 'keda';
const deployments = ['keda-operator', 'keda-metrics-apiserver'] as const;
const apiService = 'apiservice/v1beta1.external.metrics.k8s.io';
const timeout = '--timeout=180s';

/** Installs KEDA from its own manifests, with an image of its own programs compiled here. */
export async function installKeda({ target, dir, progress, signal }: KedaOptions): Promise<Keda> {
  const { kubectl, loadImage } = target;
  await mkdir(dir, { recursive: true });
  const archive = await buildKedaImage({ progress });
  await progress.step('Load the image of KEDA', () => loadImage(archive));
  const start = async () => {
    for (const name of deployments) {
      await kubectl.run(['-n', namespace, 'scale', `deployment/${name}`, '--replicas=1'], { signal });
    }
    for (const name of deployments) {
      await kubectl.run(['-n', namespace, 'rollout', 'status', `deployment/${name}`, timeout], { signal });
    }
    await kubectl.run(['wait', '--for=condition=Available', apiService, timeout], { signal });
  };
  await progress.step('Install KEDA', async (step) => {
    const source = await findGoSource('keda', module, { log: join(dir, 'download.log'), step });
    const objects = readObjects(await kubectl.run(['kustomize', join(source, manifests)], { signal }));
    await installOperator(kubectl, sortObjects(objects), signal);
    await start();
  });
  return {
    start,
    async kill() {
      for (const name of deployments) {
        await kubectl.run(['-n', namespace, 'scale', `deployment/${name}`, '--replicas=0'], { signal });
      }
      const pods = ['-n', namespace, 'delete', 'pods', '--all', '--grace-period=0', '--force'];
      await kubectl.run(pods, { signal });
    },
  };
}

/** CRDs first, then namespaces, then what is in them. */
function sortObjects(objects: readonly KubeObject[]): { crds: KubeObject[]; objects: KubeObject[] } {
  const isCrd = ({ kind }: KubeObject) => kind === 'CustomResourceDefinition';
  const others = objects.filter((object) => !isCrd(object)).map(setImage);
  return {
    crds: objects.filter(isCrd),
    objects: others.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace')),
  };
}

const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({ spec: z.looseObject({ containers: z.array(z.looseObject({})) }) }),
  }),
});

/** Its manifests name images of a registry; the node has ours alone. */
function setImage(object: KubeObject): KubeObject {
  if (object.kind !== 'Deployment') return object;
  const { spec } = deploymentSchema.parse(object);
  const containers = spec.template.spec.containers.map((container) => ({
    ...container,
    image: kedaImage,
    imagePullPolicy: 'Never',
  }));
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  return { ...object, spec: { ...spec, template } };
}
