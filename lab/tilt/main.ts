/** `npm run tilt`: runs the Tiltfile on this machine's own Kubernetes. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { stateRoot } from '#lab/cache.ts';
import { startCluster } from '#lab/cluster/cluster.ts';
import { acquireHostAddress, hostAddress } from '#lab/cluster/hostNetwork.ts';
import { acquireMachine } from '#lab/cluster/machine.ts';
import { startMonitoring } from '#lab/monitoring/monitoring.ts';
import { createProgress, formatElapsed } from '#lab/progress.ts';
import { runProgram } from '#lab/runProgram.ts';
import { bothOrNeither } from '#lab/up/both.ts';
import { explainNamespace } from '#lab/up/explain.ts';
import { applyObjects } from '#lab/up/install.ts';
import { createKubectl } from '#lab/up/kubectl.ts';
import { startParts } from '#lab/up/parts.ts';
import { readSample } from '#lab/up/sample.ts';
import { buildScaledSpec } from '#lab/up/scaledSpec.ts';
import { checkForKind } from './kind.ts';
import { findLeftOut, renderLeftOut } from './leftOut.ts';
import { createTilt, serveFlags } from './tilt.ts';

const root = join(import.meta.dirname, '..', '..');
const scrapeInterval = '5s';

const program = new Command('npm run tilt --')
  .description(
    `Run the Tiltfile with \`tilt ci\` on a Kubernetes of this machine, without Docker, then take everything down.
Kafka, PostgreSQL, Prometheus and prometheus-adapter run beside it. At the end a list shows what was left out, and why.`,
  )
  .exitOverride()
  .action(run);

await runProgram(program);

async function run(): Promise<void> {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => interrupted.abort(new Error(`Ended by ${name}.`)));
  }
  const { signal } = interrupted;
  const progress = createProgress();
  const dir = join(stateRoot(), 'tilt');
  const removeState = () => rm(dir, { recursive: true, force: true });

  await using stack = new AsyncDisposableStack();
  const lock = stack.use(await acquireMachine({ what: 'npm run tilt', progress, signal }));
  await removeState();
  stack.defer(removeState);
  await mkdir(dir, { recursive: true });
  stack.use(await acquireHostAddress());
  const [cluster, parts] = await bothOrNeither(
    signal,
    async (either) => stack.use(await startCluster({ what: 'npm run tilt', lock, progress, signal: either })),
    async (either) => {
      const data = join(dir, 'data');
      return stack.use(
        await startParts({ dir: data, host: hostAddress, fresh: true, durable: false, progress, signal: either }),
      );
    },
  );
  const { kubeconfigPath, kubectlPath } = cluster;
  stack.use(
    await startMonitoring({
      kubeconfigPath,
      dir: join(dir, 'monitoring'),
      host: hostAddress,
      valuesPath: join(root, 'manifests', 'prometheus-adapter', 'values.yaml'),
      interval: scrapeInterval,
      progress,
    }),
  );
  const kubectl = createKubectl({
    command: kubectlPath,
    kubeconfig: kubeconfigPath,
    context: undefined,
    cacheDir: join(dir, 'kubectl'),
  });
  const sample = await readSample(join(root, 'manifests', 'samples', 'pipeline.yaml'), parts, buildScaledSpec());
  // Apply the Secrets here: they hold the credentials of the servers beside the cluster. Tilt gets only the pipeline.
  await applyObjects(kubectl, sample.prerequisites, signal);
  const pipelinePath = join(dir, 'pipeline.yaml');
  await writeFile(pipelinePath, sample.yaml);

  const tilt = await createTilt({ dir: join(dir, 'tilt'), kubectlPath, progress, signal });
  const tiltfile = ['--file', join(root, 'Tiltfile')];
  const forKind = await progress.step('Read the Tiltfile as on kind', () => checkForKind({ tilt, tiltfile, dir }));
  progress.note(`On kind the Tiltfile sets up ${forKind.join(', ')}.`);

  const startedAt = performance.now();
  const lines: string[] = [];
  const args = ['ci', ...tiltfile, ...(await serveFlags()), '--', '--local', '--pipeline', pipelinePath];
  progress.note('Here the Tiltfile runs with tilt ci:');
  const code = await tilt.run({
    kubeconfigPath,
    args,
    onLine(line) {
      lines.push(line);
      console.log(line);
    },
  });
  signal.throwIfAborted();
  const elapsed = formatElapsed(performance.now() - startedAt);
  if (code !== 0) {
    for (const namespace of ['sumpipeline-system', sample.ref.namespace]) {
      progress.note(await explainNamespace(kubectl, namespace));
    }
    throw new Error(`tilt ci ended with exit code ${code} after ${elapsed}`);
  }
  console.log(`\nAll resources were healthy after ${elapsed}.\n${renderLeftOut(findLeftOut(lines))}`);
}
