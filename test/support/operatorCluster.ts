import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { buildCrd } from '#operator/api/crd.ts';
import { type PipelineObject, pipelines } from '#operator/reconcile/resources.ts';
import type { KubeClient } from '#operator/runtime/client.ts';
import type { KubeObject, Live, Resource } from '#operator/runtime/object.ts';
import { connectTo, eventually } from '#operator/runtime/testing/connect.ts';
import { namespaces } from '#operator/runtime/testing/kinds.ts';
import { type ApiServer, startApiServer } from '#tools/cluster/apiServer.ts';
import type { CrdSet } from '#tools/crds/crds.ts';

type Crd = KubeObject & { status?: { conditions?: { type: string; status: string }[] } };

const crds: Resource<Crd> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

export const asPerson = { fieldManager: 'person', force: true };

/** A real API server that knows SumPipelines, seen by an administrator. Nothing acts on what is stored. */
export interface TestCluster extends AsyncDisposable {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** A namespace of its own for a test. */
  createNamespace(): Promise<string>;
  installCrds(set: CrdSet, kinds: readonly string[]): Promise<void>;
  /** Applied by a person. */
  apply(pipeline: object): Promise<Live<PipelineObject>>;
}

export async function startTestCluster(): Promise<TestCluster> {
  const server = await startApiServer();
  try {
    return await prepare(server);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function prepare(server: ApiServer): Promise<TestCluster> {
  const { client, transport } = connectTo(server.kubeconfigPath);

  async function installCrd(crd: KubeObject): Promise<void> {
    await client.apply(crds, crd, asPerson);
    await eventually(`${crd.metadata.name} to be established`, async () => {
      const { status } = await client.get(crds, { name: crd.metadata.name });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') || status;
    });
  }

  await installCrd(buildCrd() as KubeObject);
  // Established is said a moment before the handler serves.
  await eventually('SumPipelines to be served', () => client.list(pipelines).then(() => true, String));
  return {
    server,
    client,
    async createNamespace() {
      const name = `shop-${randomBytes(3).toString('hex')}`;
      await client.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, asPerson);
      return name;
    },
    async installCrds({ files }, kinds) {
      for (const file of files) {
        const crd = parse(await readFile(file, 'utf8'));
        if (kinds.includes(crd.spec.names.kind)) await installCrd(crd);
      }
    },
    async apply(pipeline) {
      return (await client.apply(pipelines, pipeline as PipelineObject, asPerson)).object;
    },
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server.stop();
    },
  };
}
