import { join } from 'node:path';
import { z } from 'zod';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper } from '#lab/process/keeper.ts';
import { waitFor } from '#lab/process/wait.ts';
import type { Step } from '#lab/progress.ts';
import { type ApiClient, createApiClient } from './apiClient.ts';
import type { ClusterCertificates } from './certificates.ts';
import { ctr, importImages } from './images.ts';
import { apiServerUrl, nodeName } from './layout.ts';
import { corednsRbac } from './nodeConfig.ts';
import type { NodeSpace } from './nodeSpace.ts';
import * as programs from './programs.ts';

export interface StartPrograms {
  readonly space: NodeSpace;
  readonly certificates: ClusterCertificates;
  /** Archive of the pause image. */
  readonly pauseImage: string;
  readonly logDir: string;
  readonly step: Step;
  readonly signal: AbortSignal | undefined;
  readonly onDeath: (message: string) => void;
}

/**
 * Maximum time for a start, in milliseconds. A start usually takes 5 s. While several builds ran, 60 s were measured.
 */
const readyTimeoutMs = 180_000;

/**
 * Starts all programs in the order of their dependencies, and waits until the node is Ready for pods. From then on a
 * program that dies is restarted, until the result is disposed of.
 */
export async function startPrograms(request: StartPrograms): Promise<AsyncDisposable> {
  const { space, certificates, pauseImage, step, signal } = request;
  await using stack = new AsyncDisposableStack();
  const client = stack.use(
    createApiClient({ url: apiServerUrl, caPem: certificates.caPem, credentials: certificates.admin }),
  );
  const keepers: Keeper[] = [];
  stack.defer(async () => {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
  });
  const keep = (program: programs.NodeProgram, ready?: () => Promise<true | undefined>) => {
    const keeper = createKeeper(request, program, ready);
    keepers.push(keeper);
    return keeper.start();
  };
  const startContainers = async () => {
    await keep(programs.containerd, () => isTrue(space.run([...ctr, 'version'])));
    await importImages(space.run, pauseImage);
  };
  const startApi = async () => {
    await keep(programs.etcd);
    await keep(programs.apiServer, () => isTrue(client.getText('/readyz')));
    await applyCorednsRbac(client);
  };
  step.update('etcd, API server, containerd');
  await Promise.all([startContainers(), startApi()]);
  signal?.throwIfAborted();
  step.update('controllers, kubelet, network, DNS');
  await Promise.all(
    [programs.controllerManager, programs.scheduler, programs.kubelet, programs.proxy, programs.coredns].map(
      (program) => keep(program),
    ),
  );
  signal?.throwIfAborted();
  step.update('waiting for the node to be Ready');
  await waitUntilReady(client);
  return stack.move();
}

function createKeeper(
  { space, logDir, onDeath }: StartPrograms,
  { name, command, healthUrl }: programs.NodeProgram,
  ready: () => Promise<true | undefined> = async () => healthUrl === undefined || (await isHealthy(healthUrl)),
): Keeper {
  return new Keeper({
    name,
    launch: () => spawnChild({ ...space.enter(command), logFile: join(logDir, `${name}.log`) }),
    ready: (signal) =>
      waitFor({ what: `${name} to be ready`, timeoutMs: readyTimeoutMs, intervalMs: 50, signal }, ready),
    // A clean end is not needed: the data is removed with the node.
    stopSignal: 'SIGKILL',
    stopTimeoutMs: 1000,
    restart: { restartOnDeath: true, onDeath },
  });
}

async function isHealthy(url: string): Promise<true> {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!ok) throw new Error(`${url} responds with ${status}`);
  return true;
}

async function isTrue(done: Promise<unknown>): Promise<true> {
  await done;
  return true;
}

async function applyCorednsRbac(client: ApiClient): Promise<void> {
  for (const object of corednsRbac) {
    const plural = `${object.kind.toLowerCase()}s`;
    await client.apply(`/apis/rbac.authorization.k8s.io/v1/${plural}/${object.metadata.name}`, object);
  }
}

const nodeSchema = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string().optional() })).default([]),
  }),
});

/**
 * Waits until the kubelet reports that the node is Ready, and until the default ServiceAccount exists, because pods
 * need this ServiceAccount.
 */
async function waitUntilReady(client: ApiClient): Promise<void> {
  await waitFor({ what: 'the node to be Ready', timeoutMs: readyTimeoutMs, intervalMs: 100 }, async () => {
    const node = nodeSchema.parse(await client.get(`/api/v1/nodes/${nodeName}`));
    const ready = node.status.conditions.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True') throw new Error(ready?.message ?? 'the kubelet has not reported yet');
    return true;
  });
  await waitFor({ what: 'the default ServiceAccount', timeoutMs: readyTimeoutMs, intervalMs: 100 }, () =>
    isTrue(client.get('/api/v1/namespaces/default/serviceaccounts/default')),
  );
}
