import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { untilEstablished } from '#lab/crds/established.ts';
import type { Kubectl } from './kubectl.ts';

export interface OperatorOptions {
  readonly kubectl: Kubectl;
  /** The repository. */
  readonly root: string;
  /** Image of the operator. Its pipelines use the same image. */
  readonly image: string;
  readonly signal: AbortSignal;
}

/** Our field manager. A later run finds it in managedFields, and so recognizes what an earlier run applied. */
export const fieldManager = 'sumctl-up';

const applyArguments = ['apply', '--server-side', '--force-conflicts', `--field-manager=${fieldManager}`, '-f', '-'];

/** Applies objects as one stream. */
export async function applyObjects(kubectl: Kubectl, objects: readonly unknown[], signal: AbortSignal): Promise<void> {
  const input = objects.map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join('');
  await kubectl.run(applyArguments, { input, signal });
}

/** CRDs and operator as `kubectl apply -k` applies them, but with the image that was built. */
export interface Operator {
  readonly namespace: string;
  readonly deployment: string;
  readonly crds: readonly KubeObject[];
  /** All objects, CRDs included. Namespaces come first, because they contain other objects. */
  readonly objects: readonly KubeObject[];
}

/** Reads the manifests, without a cluster. */
export async function readOperator({ kubectl, root, image, signal }: OperatorOptions): Promise<Operator> {
  const crds = readObjects(await kubectl.run(['kustomize', join(root, 'crds')], { signal }));
  const objects = readObjects(await kubectl.run(['kustomize', join(root, 'manifests', 'operator')], { signal }));
  const withImage = objects.map((object) => (object.kind === 'Deployment' ? setImage(object, image) : object));
  const deployment = withImage.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('manifests/operator has no Deployment');
  const { namespace = 'default', name } = deployment.metadata;
  return { namespace, deployment: name, crds, objects: namespacesFirst(withImage) };
}

/** Applies the CRDs, waits until they are served, and applies the operator. */
export async function installOperator(
  kubectl: Kubectl,
  { crds, objects }: Pick<Operator, 'crds' | 'objects'>,
  signal: AbortSignal,
): Promise<void> {
  await applyObjects(kubectl, crds, signal);
  const crdNames = crds.map(({ metadata }) => `crd/${metadata.name}`);
  await untilEstablished((args) => kubectl.run(args, { signal }), crdNames, signal);
  await applyObjects(kubectl, objects, signal);
}

const objectSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
export type KubeObject = z.output<typeof objectSchema>;

/** Parses the objects of a stream of YAML documents. */
export function readObjects(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const content: unknown = document.toJS();
    return content === null ? [] : [objectSchema.parse(content)];
  });
}

/** Sorts objects so that they can be applied: namespaces before the objects in them. */
export function namespacesFirst(objects: readonly KubeObject[]): KubeObject[] {
  return objects.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
}

const deploymentSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        containers: z.array(
          z.looseObject({
            image: z.string().optional(),
            env: z.array(z.looseObject({ name: z.string() })).optional(),
          }),
        ),
      }),
    }),
  }),
});
type Container = z.output<typeof deploymentSchema>['spec']['template']['spec']['containers'][number];

/** Returns a copy of a Deployment with every container changed. */
export function mapContainers(deployment: KubeObject, change: (container: Container) => Container): KubeObject {
  const { spec } = deploymentSchema.parse(deployment);
  const containers = spec.template.spec.containers.map(change);
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  return { ...deployment, spec: { ...spec, template } };
}

/** Sets the image that the operator runs, and that is the default of its pipelines. */
function setImage(deployment: KubeObject, image: string): KubeObject {
  return mapContainers(deployment, (container) => ({
    ...container,
    image,
    ...(container.env === undefined
      ? {}
      : {
          env: container.env.map((entry) =>
            entry.name === 'SUMPIPELINE_OPERATOR_IMAGE' ? { name: entry.name, value: image } : entry,
          ),
        }),
  }));
}
