import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KubeClient } from '#kube/client/client.ts';
import type { KubeObject, Live, Resource } from '#kube/client/object.ts';
import { connectTo } from '#kube/testing/connect.ts';
import { namespaces } from '#kube/testing/kinds.ts';
import { type ApiServer, startApiServer } from '#lab/cluster/apiServer.ts';
import type { CrdSet } from '#lab/crds/crds.ts';
import { untilEstablished } from '#lab/crds/established.ts';
import { statusSchema } from '#operator/api/status.ts';
import { type Draft, minimalDraft, strimziDraft } from '#operator/api/testing/samples.ts';
import type { Condition, Status } from '#operator/api/types.ts';
import { operatorName, operatorNamespace } from '#operator/desired/childKinds.ts';
import { type PipelineObject, pipelines } from '#operator/reconcile/resources.ts';
import { eventually } from './condition.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

export const asPerson = { fieldManager: 'person', force: true };
/** Name of the pipeline in every test. Each pipeline has its own namespace. */
export const name = 'orders';

/**
 * A real API server with the operator's manifests applied, with an administrator's client. No controller acts on it.
 */
export interface OperatorCluster extends AsyncDisposable {
  readonly server: ApiServer;
  readonly client: KubeClient;
  /** Kubeconfig of the operator's ServiceAccount, which has only the permissions of its generated role. */
  readonly operatorKubeconfig: string;
  kubectl(...args: string[]): Promise<string>;
  createNamespace(): Promise<string>;
  /** Installs those CRDs of a set that `names` lists. */
  installCrds(set: CrdSet, names: readonly string[]): Promise<void>;
}

export async function startOperatorCluster(): Promise<OperatorCluster> {
  const server = await startApiServer();
  try {
    return await prepare(server);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function prepare(server: ApiServer): Promise<OperatorCluster> {
  const { client, transport } = connectTo(server.kubeconfigPath);

  async function kubectl(...args: string[]): Promise<string> {
    const { stdout } = await run(server.kubectlPath, ['--kubeconfig', server.kubeconfigPath, ...args], { cwd: root });
    return stdout;
  }

  await kubectl('apply', '-k', 'manifests/operator');
  await untilEstablished((args) => kubectl(...args), ['crd', '--all']);
  // Wait here: the API server reports Established a moment before its handler serves.
  await eventually('SumPipelines to be served', () => client.list(pipelines).then(() => true, String));
  return {
    server,
    client,
    operatorKubeconfig: await server.kubeconfigFor({
      user: `system:serviceaccount:${operatorNamespace}:${operatorName}`,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${operatorNamespace}`],
    }),
    kubectl,
    async createNamespace() {
      const namespace = `shop-${randomBytes(3).toString('hex')}`;
      await client.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, asPerson);
      return namespace;
    },
    async installCrds({ files }, names) {
      const wanted = files.filter((file) => names.some((crd) => file.endsWith(`/${crd}.yaml`)));
      await kubectl('apply', '--server-side', ...wanted.flatMap((file) => ['-f', file]));
    },
    async [Symbol.asyncDispose]() {
      await transport.close();
      await server.stop();
    },
  };
}

/** Makes the sample pipeline for a namespace. `change` may change its fields. */
export function draftIn(
  namespace: string,
  change: (draft: Draft) => void = () => {},
  sample: () => Draft = minimalDraft,
): Draft {
  const draft = sample();
  Object.assign(draft.metadata, { namespace, name });
  change(draft);
  return draft;
}

/** Makes the sample pipeline for Strimzi, with Kafka in another namespace and without monitors. */
export function strimziDraftIn(namespace: string, kafkaNamespace: string): Draft {
  return draftIn(
    namespace,
    (draft) => {
      Object.assign(draft.spec, {
        monitoring: { enabled: false },
        kafka: { cluster: { name: 'main', namespace: kafkaNamespace, listener: 'tls' }, topic: { partitions: 3 } },
      });
    },
    strimziDraft,
  );
}

export async function applyPipeline(client: KubeClient, draft: Draft): Promise<Live<PipelineObject>> {
  return (await client.apply(pipelines, draft, asPerson)).object;
}

export async function findStatus(client: KubeClient, namespace: string): Promise<Status> {
  const found = await client.find(pipelines, { namespace, name });
  return statusSchema.parse(found?.status ?? {});
}

export async function findCondition(
  client: KubeClient,
  namespace: string,
  type: string,
): Promise<Condition | undefined> {
  return (await findStatus(client, namespace)).conditions?.find((condition) => condition.type === type);
}

/** Waits until a condition has the expected status and reason, such as `True Ready`. Returns its message. */
export async function untilCondition(
  client: KubeClient,
  namespace: string,
  type: string,
  expected: string,
): Promise<string> {
  let message = '';
  await eventually(`${type} of ${namespace} to be ${expected}`, async () => {
    const condition = await findCondition(client, namespace, type);
    message = condition?.message ?? '';
    return `${condition?.status} ${condition?.reason}` === expected || condition;
  });
  return message;
}

export function resourceFor(
  apiVersion: string,
  kind: string,
  plural: string,
): Resource<KubeObject & Record<string, unknown>> {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return { group: group ?? '', version: version ?? '', kind, plural, namespaced: true };
}
