import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCluster } from '#cli/connection/cluster.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { formatRef } from '#contract/names.ts';
import { stateRoot } from '#lab/cache.ts';
import { acquireHostAddress, hostAddress } from '#lab/cluster/hostNetwork.ts';
import { acquireMachine } from '#lab/cluster/machine.ts';
import { acquireLock } from '#lab/lock.ts';
import { createProgress, type Progress } from '#lab/progress.ts';
import { bothOrNeither } from './both.ts';
import { findHostAddress, useCurrent } from './current.ts';
import { explainNamespace } from './explain.ts';
import { createObjects, describeWhatStays, type Made, refuseOccupied, removeMade } from './guest.ts';
import { applyObjects, installOperator, readOperator } from './install.ts';
import { renderInstructions } from './instructions.ts';
import { startLocal } from './local.ts';
import { type OnceResult, runOnce } from './once.ts';
import { startParts } from './parts.ts';
import { waitUntilReady } from './ready.ts';
import { readSample, readSampleNames, type Sample } from './sample.ts';
import { playWaves, startScaleMonitoring } from './scale.ts';
import { buildScaledSpec } from './scaledSpec.ts';
import type { Target } from './target.ts';

export interface UpOptions {
  /** `local` makes a node on this machine. `current` uses the context that the user names. */
  readonly cluster: 'local' | 'current';
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** For `current`: an image that its nodes can run. */
  readonly image: string | undefined;
  /** For `current`: the address of this machine that pods dial. Default: the first that is not loopback. */
  readonly host: string | undefined;
  /** File with rows. `up` adds the rows to a throw-away pipeline and ends. Undefined: `up` runs until Ctrl-C. */
  readonly onceInput: string | undefined;
  /** Removes the data that an earlier run kept, before the start. */
  readonly fresh: boolean;
  /** Plays a load that rises and falls, so that the aggregators scale. All data is removed at the end. Local only. */
  readonly scale: boolean;
  /** The repository. */
  readonly root: string;
}

/**
 * Maximum wait until the pipeline is Ready, in milliseconds. Kubernetes starts pods one after the other, and each pod
 * starts Node, which takes minutes on a slow machine.
 */
const readyTimeoutMs = 180_000;
const operatorTimeout = '120s';

/**
 * Names under which a run holds the lock of the machine. Processes that wait for the lock print the name, and `npm run
 * down` recognizes a run by it.
 */
export const upNames = { stay: 'npm start', once: 'npm start -- --once' } as const;

/**
 * Takes a machine-wide lock, and starts Kafka, PostgreSQL and a cluster with our image at the same time. Then installs
 * the operator and the sample pipeline. With an input it adds the rows and returns the result, otherwise it runs until
 * Ctrl-C. At the end, also after a failure, it takes everything down in reverse order. Only the data of Kafka
 * and PostgreSQL is kept, and not even this data with `onceInput` or `scale`. In a cluster of the user the operator and
 * its CRDs stay too.
 */
export async function up(options: UpOptions, context: Context): Promise<OnceResult | undefined> {
  const { root, onceInput, scale } = options;
  const { signal } = context;
  const progress = createProgress({ stream: context.stderr, now: context.now });
  const isOnce = onceInput !== undefined;
  const isLocal = options.cluster === 'local';
  const what = isOnce ? upNames.once : upNames.stay;
  const stateDir = join(stateRoot(), stateName({ isLocal, isOnce, scale }));
  const samplePath = join(root, 'manifests', 'samples', 'pipeline.yaml');
  const operatorDir = join(root, 'manifests', 'operator');

  // Make these checks first, because they need no time.
  const current = isLocal ? undefined : useCurrent({ ...options, cacheDir: stateDir });
  const host = isLocal ? hostAddress : (options.host ?? findHostAddress());

  await using stack = new AsyncDisposableStack();
  const lock = stack.use(
    isLocal
      ? await acquireMachine({ what, progress, signal })
      : await acquireLock({ name: stateDir, what, onWait: () => progress.note(waitingForState), signal }),
  );
  stack.defer(() => progress.note('Everything is taken down.'));
  if (isOnce || scale) stack.defer(() => rm(stateDir, { recursive: true, force: true }));
  await mkdir(stateDir, { recursive: true });
  if (isLocal) stack.use(await acquireHostAddress());
  if (current !== undefined) {
    await progress.step(`Check context "${current.context}"`, async () => {
      await current.kubectl.run(['version', '--client'], { signal });
      const operator = await readOperator({ kubectl: current.kubectl, root, image: current.image, signal });
      await refuseOccupied(current, await readSampleNames(samplePath), operator, signal);
    });
  }

  const startTarget = async (either: AbortSignal): Promise<Target> =>
    current ?? stack.use(await startLocal({ root, cacheDir: stateDir, lock, progress, signal: either }));
  const startBeside = async (either: AbortSignal) =>
    stack.use(
      await startParts({
        dir: join(stateDir, 'data'),
        host,
        fresh: isOnce || scale || options.fresh,
        durable: !isOnce && !scale,
        progress,
        signal: either,
      }),
    );
  const [target, parts] = await bothOrNeither(signal, startTarget, startBeside);

  if (scale && target.kubeconfig !== undefined) {
    // Start monitoring before the operator, so that the operator finds the APIs of prometheus-operator.
    stack.use(await startScaleMonitoring({ root, kubeconfig: target.kubeconfig, dir: stateDir, host, progress }));
  }
  const operator = await readOperator({ kubectl: target.kubectl, root, image: target.image, signal });
  if (!isLocal) stack.defer(() => progress.note(describeWhatStays(target, operatorDir)));
  await progress.step('Install the operator', () => installOperator(target.kubectl, operator, signal));
  const sample = await readSample(samplePath, parts, scale ? buildScaledSpec() : {});
  await explained({ target, namespaces: [operator.namespace], progress, signal }, () =>
    progress.step('Wait for the operator', () =>
      target.kubectl.run(
        [
          '-n',
          operator.namespace,
          'rollout',
          'status',
          `deployment/${operator.deployment}`,
          `--timeout=${operatorTimeout}`,
        ],
        { signal },
      ),
    ),
  );
  const namespaces = [sample.ref.namespace, operator.namespace];
  const made: Made[] = [];
  if (!isLocal) stack.defer(() => removeMade(target, made, progress));
  await progress.step(`Apply the pipeline ${formatRef(sample.ref)}`, async () => {
    if (!isLocal) return await createObjects(target, [...sample.prerequisites, sample.resource], made, signal);
    await applyObjects(target.kubectl, sample.prerequisites, signal);
    await applyObjects(target.kubectl, [sample.resource], signal);
  });
  const pipelineFile = await keepSample(sample, { stateDir, samplePath, progress });
  const cluster = loadCluster(target);
  await explained({ target, namespaces, progress, signal }, () =>
    progress.step(`Wait until ${formatRef(sample.ref)} is Ready`, (step) =>
      waitUntilReady({ cluster, ref: sample.ref, step, timeoutMs: readyTimeoutMs, signal }),
    ),
  );

  const connection: ConnectionOptions = {
    namespace: sample.ref.namespace,
    pipeline: sample.ref.name,
    kubeconfig: target.kubeconfig,
    context: target.context,
    url: undefined,
  };
  if (isOnce) {
    return await explained({ target, namespaces, progress, signal }, () =>
      runOnce({ connection, input: onceInput, progress }, context),
    );
  }
  context.stdout.write(renderInstructions({ target, ref: sample.ref, pipelineFile, root, scale }));
  if (scale) {
    const waves = playWaves({ kubectl: target.kubectl, ref: sample.ref, parts, progress, signal });
    const ended = await Promise.race([waves, target.died]);
    if (ended !== undefined) throw new Error(ended);
    return undefined;
  }
  const gone = await Promise.race([untilAborted(signal), target.died]);
  if (!signal.aborted) throw new Error(gone);
  progress.note('Taking everything down.');
  return undefined;
}

/**
 * Returns the name of the folder for the data of a mode. Each mode has its own folder, so --fresh in one mode keeps
 * the data of all other modes.
 */
function stateName({ isLocal, isOnce, scale }: { isLocal: boolean; isOnce: boolean; scale: boolean }): string {
  return `${isLocal ? '' : 'current-'}${isOnce ? 'once' : scale ? 'scale' : 'up'}`;
}

const waitingForState = 'Another npm start -- --cluster current uses the same data. Waiting until that process ends.';

/** Returns the path of a file that applies the same pipeline again. Writes the file if `sample` was adapted. */
async function keepSample(
  sample: Sample,
  { stateDir, samplePath, progress }: { stateDir: string; samplePath: string; progress: Progress },
): Promise<string> {
  if (!sample.isChanged) return samplePath;
  const path = join(stateDir, 'pipeline.yaml');
  await writeFile(path, sample.yaml);
  progress.note(`manifests/samples/pipeline.yaml was adapted to this machine; the applied version is in ${path}`);
  return path;
}

/** Runs `work`. If it fails, prints what the cluster reports about the namespaces, before the cluster is taken down. */
async function explained<T>({ target, namespaces, progress, signal }: Explained, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // After Ctrl-C no explanation is needed.
    if (!signal.aborted) {
      for (const namespace of new Set(namespaces)) progress.note(await explainNamespace(target.kubectl, namespace));
    }
    throw error;
  }
}

interface Explained {
  readonly target: Target;
  readonly namespaces: readonly string[];
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

function untilAborted(signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('');
    else signal.addEventListener('abort', () => resolve(''), { once: true });
  });
}
