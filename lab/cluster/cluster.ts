import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { stateRoot } from '#lab/cache.ts';
import { buildPauseImage } from '#lab/image/pause.ts';
import type { Lock } from '#lab/lock.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { buildGoModule, buildPause, type GoModule } from './binaries.ts';
import { buildAdminKubeconfig, createClusterCertificates } from './certificates.ts';
import { createCgroup, removeCgroup } from './cgroups.ts';
import { acquireHostAddress, connectNode, disconnectNode, hostAddress, syncHostAddress } from './hostNetwork.ts';
import { importImages } from './images.ts';
import { nodePath, programPath } from './layout.ts';
import { acquireMachine } from './machine.ts';
import { buildNodeConfig } from './nodeConfig.ts';
import { configureNodeNetwork, createNodeSpace, isNodeRunning, type NodeIdentity, waitForEnd } from './nodeSpace.ts';
import { findMissingRequirements } from './requirements.ts';
import { startPrograms } from './startPrograms.ts';

export interface ClusterOptions {
  /** Folder of the node's state, made at every start and removed at the end. Default `cluster` in the state root. */
  readonly dir?: string;
  /** Default: silent. */
  readonly progress?: Progress;
  /** Purpose of the cluster. Processes that wait for the lock of the machine print it. Default "a local cluster". */
  readonly what?: string;
  /**
   * The lock of the machine, if the caller already holds it (`acquireMachine`). Default: the start takes and releases
   * it.
   */
  readonly lock?: Lock;
  /** Called with whole sentences when a program of the node died and was restarted. Default: a line of progress. */
  readonly onDeath?: (message: string) => void;
  /** Aborts a start: it rejects with the signal's reason, after everything was taken down. */
  readonly signal?: AbortSignal;
}

/** A real one-node Kubernetes. It ends when the process that started it ends, even after kill -9. */
export interface Cluster extends AsyncDisposable {
  /** Kubeconfig of a cluster admin, for use on the host. */
  readonly kubeconfigPath: string;
  /** A kubectl of the cluster's version. */
  readonly kubectlPath: string;
  /** The address on which processes of the host must listen so that pods reach them. */
  readonly hostAddress: string;
  /** Folder of log files, one per program of the node. */
  readonly logDir: string;
  /** Resolves with a sentence for the user when the whole node ended without `stop`. The node is not restarted. */
  readonly died: Promise<string>;
  /** Imports the images of an OCI archive into the node, under the names in the archive. */
  loadImage(tarPath: string): Promise<void>;
  /** Takes everything down and removes it. Pods are killed, not drained. */
  stop(): Promise<void>;
}

/**
 * Name of the file that identifies process 1 of the last node. After an unclean end the next start waits for the end
 * of this process.
 */
const initFile = 'init.json';
const kubeconfigFile = 'admin.kubeconfig';

const goModules: readonly GoModule[] = ['kubernetes', 'etcd', 'containerd', 'runc', 'cni', 'coredns'];

/**
 * Starts Kubernetes on this machine. Builds the programs if needed, and removes what an earlier node left. Returns when
 * the node is Ready, DNS works and pods can be created. Takes about 5 s if everything is built already.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { dir = clusterDir(), progress = silentProgress, what = 'a local cluster', signal } = options;
  const onDeath = options.onDeath ?? progress.note;
  const missing = findMissingRequirements();
  if (missing.length > 0) throw new Error(missing.join('\n'));

  await using stack = new AsyncDisposableStack();
  if (options.lock === undefined) stack.use(await acquireMachine({ what, progress, signal }));
  const { programDirs, pauseDir, pauseImage } = await buildParts({ progress, signal });
  await removeNode(dir);

  return await progress.step('Start Kubernetes', async (step) => {
    const certificates = await createClusterCertificates();
    const logDir = join(dir, 'log');
    const kubeconfigPath = join(dir, kubeconfigFile);
    await writeNodeFiles(dir, { ...buildNodeConfig(), ...certificates.files });
    await writeFile(kubeconfigPath, buildAdminKubeconfig(certificates), { mode: 0o600 });
    let isUp = false;
    // Keep the folder after a failed start, because it contains the log files. The next start removes it.
    stack.defer(async () => {
      if (isUp || signal?.aborted === true) await rm(dir, { recursive: true, force: true });
    });

    await createCgroup();
    stack.defer(removeCgroup);
    stack.use(await acquireHostAddress());
    const space = await createNodeSpace({ dir, pauseDir, programDirs });
    stack.defer(() => space.kill());
    await writeFile(join(dir, initFile), JSON.stringify(space.init));
    await connectNode(space.init.pid);
    stack.defer(disconnectNode);
    await configureNodeNetwork(space.run);
    const programs = await startPrograms({ space, certificates, pauseImage, logDir, step, signal, onDeath });
    stack.use(programs);
    signal?.throwIfAborted();
    isUp = true;

    const owned = stack.move();
    let isStopping = false;
    const stop = () => {
      isStopping = true;
      return owned.disposeAsync();
    };
    const died = new Promise<string>((resolve) => {
      void space.exited.then(async () => {
        if (isStopping) return;
        await programs[Symbol.asyncDispose]();
        resolve('The Kubernetes node ended: its process 1 was killed.');
      });
    });
    return {
      kubeconfigPath,
      kubectlPath: join(programDirs['kubernetes'] ?? '', 'kubectl'),
      hostAddress,
      logDir,
      died,
      loadImage: (tarPath) => importImages(space.run, tarPath),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  });
}

/** Builds the parts of a start that are not in the machine's cache yet. Returns the paths of all parts. */
export async function buildParts({ progress, signal }: { progress: Progress; signal: AbortSignal | undefined }) {
  const programDirs: Record<string, string> = {};
  for (const module of goModules) programDirs[module] = await buildGoModule(module, { progress, signal });
  const pauseDir = await buildPause({ progress });
  const pauseImage = await buildPauseImage({ progress });
  return { programDirs, pauseDir, pauseImage };
}

/**
 * Removes the folders, devices and control groups of a node that ended without `stop`, for instance by kill -9. Call
 * this only while you hold the lock of the machine.
 */
export async function removeNode(dir: string = clusterDir()): Promise<void> {
  const init = await readInit(dir);
  if (init !== undefined) await waitForEnd(init);
  await disconnectNode();
  await removeCgroup();
  await syncHostAddress();
  await rm(dir, { recursive: true, force: true });
}

/** Finds the node that runs on this machine, whichever process started it. Undefined if no node runs. */
export async function findNode(
  dir: string = clusterDir(),
): Promise<{ readonly initPid: number; readonly kubeconfigPath: string } | undefined> {
  const init = await readInit(dir);
  if (init === undefined || !(await isNodeRunning(init))) return undefined;
  return { initPid: init.pid, kubeconfigPath: join(dir, kubeconfigFile) };
}

const initSchema = z.object({ pid: z.number(), startTime: z.string() });

async function readInit(dir: string): Promise<NodeIdentity | undefined> {
  const text = await readFile(join(dir, initFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  // If the file is empty, the process that started the node was killed while it wrote the file. The node ended with
  // that process, before any program ran in the node.
  return text === '' ? undefined : initSchema.parse(JSON.parse(text));
}

export function clusterDir(): string {
  return join(stateRoot(), 'cluster');
}

/** Makes the folders for mounts, the folders that programs expect, and the files of `nodePath.etc`. */
async function writeNodeFiles(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  const folders = ['log', 'var/log', 'var/lib/cni', ...goModules.map((module) => programPath(module, ''))];
  for (const folder of folders) await mkdir(join(dir, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, nodePath.etc, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
  }
}
