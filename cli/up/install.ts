import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { untilEstablished } from '#tools/crds/established.ts';
import type { Kubectl } from './kubectl.ts';

export interface InstallOptions {
  readonly kubectl: Kubectl;
  /** The repository. */
  readonly root: string;
  /** Image of the operator, which its pipelines follow. */
  readonly image: string;
  readonly signal: AbortSignal;
}

const applyArguments = ['apply', '--server-side', '--force-conflicts', '--field-manager=sumctl-up', '-f', '-'];

/** Applies objects as one stream. */
export async function applyObjects(kubectl: Kubectl, objects: readonly unknown[], signal: AbortSignal): Promise<void> {
  const input = objects.map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join('');
  await kubectl.run(applyArguments, { input, signal });
}

/** Installs CRDs and operator as `kubectl apply -k` would, with the image that was built. Answers the operator's namespace. */
export async function installOperator(options: InstallOptions): Promise<{ namespace: string; deployment: string }> {
  const { kubectl, root, image, signal } = options;
  const crds = await kubectl.run(['kustomize', join(root, 'crds')], { signal });
  await kubectl.run(applyArguments, { input: crds, signal });
  const crdNames = readObjects(crds).map(({ metadata }) => `crd/${metadata.name}`);
  await untilEstablished((args) => kubectl.run(args, { signal }), crdNames, signal);

  const objects = readObjects(await kubectl.run(['kustomize', join(root, 'manifests', 'operator')], { signal }));
  const withImage = objects.map((object) => (object.kind === 'Deployment' ? setImage(object, image) : object));
  const deployment = withImage.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('manifests/operator has no Deployment');
  // Namespaces first: the rest lives in them.
  const ordered = withImage.toSorted((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
  await applyObjects(kubectl, ordered, signal);
  return { namespace: deployment.metadata.namespace ?? 'default', deployment: deployment.metadata.name };
}

const objectSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});
type KubeObject = z.output<typeof objectSchema>;

function readObjects(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const content: unknown = document.toJS();
    return content === null ? [] : [objectSchema.parse(content)];
  });
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

/** The operator runs the image and tells its pipelines to run the same. */
function setImage(object: KubeObject, image: string): KubeObject {
  const { spec } = deploymentSchema.parse(object);
  const containers = spec.template.spec.containers.map((container) => ({
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
  const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
  return { ...object, spec: { ...spec, template } };
}
