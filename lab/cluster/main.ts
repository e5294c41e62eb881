/** Controls the local cluster by hand. `npm run cluster -- help` lists the commands. */
import { Command } from 'commander';
import { createProgress } from '#lab/progress.ts';
import { runProgram } from '#lab/runProgram.ts';
import { buildParts, findNode, removeNode, startCluster } from './cluster.ts';
import { importImages } from './images.ts';
import { acquireMachine, findMachineHolder } from './machine.ts';
import { runInNode } from './nodeSpace.ts';

/**
 * Name under which `start` holds the lock of the machine. Processes that wait for the lock print this name, and `stop`
 * recognizes a `start` by it.
 */
const startName = 'npm run cluster -- start';

const progress = createProgress();

async function build(): Promise<void> {
  await buildParts({ progress, signal: untilInterrupted() });
  progress.note('Everything is built.');
}

async function start(): Promise<void> {
  const signal = untilInterrupted();
  await using cluster = await startCluster({ progress, what: startName, signal });
  progress.note(
    `export KUBECONFIG=${cluster.kubeconfigPath}\nalias kubectl=${cluster.kubectlPath}\nCtrl-C stops the cluster.`,
  );
  const ended = new Promise<string>((resolve) => {
    signal.addEventListener('abort', () => resolve('Stopping.'), { once: true });
  });
  progress.note(await Promise.race([ended, cluster.died]));
}

async function status(): Promise<void> {
  const [holder, node] = [await findMachineHolder(), await findNode()];
  if (holder) console.log(`The machine is in use by ${holder.what}, process ${holder.pid}, since ${holder.since}.`);
  console.log(node ? `A node runs. KUBECONFIG=${node.kubeconfigPath}` : 'No node runs on this machine.');
}

async function kubeconfig(): Promise<void> {
  console.log((await runningNode()).kubeconfigPath);
}

async function load(archive: string): Promise<void> {
  await importImages(runInNode((await runningNode()).initPid), archive);
}

/**
 * Ends only a `start` of this program. If another process, such as a test, holds the lock of the machine, prints the
 * name of that process and waits until it ends.
 */
async function stop(): Promise<void> {
  const holder = await findMachineHolder();
  if (holder?.what === startName) {
    progress.note(`Stopping ${holder.what} (process ${holder.pid}).`);
    process.kill(holder.pid, 'SIGTERM');
  }
  await using _machine = await acquireMachine({ what: 'npm run cluster -- stop', progress });
  await removeNode();
  progress.note('No node runs on this machine, and no files of a node are left.');
}

async function runningNode(): Promise<NonNullable<Awaited<ReturnType<typeof findNode>>>> {
  const node = await findNode();
  if (!node) throw new Error('No node runs on this machine. Start one: npm run cluster -- start');
  return node;
}

function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(signal)));
  }
  return interrupted.signal;
}

const program = new Command('npm run cluster --')
  .description('Control the local Kubernetes alone, without Kafka, PostgreSQL or our operator.')
  .showHelpAfterError()
  .exitOverride();
program
  .command('build')
  .description('build Kubernetes and its parts into the cache; start also does this')
  .action(build);
program.command('start').description('start a one-node Kubernetes and keep it until Ctrl-C').action(start);
program.command('status').description('show whether a node runs and which process uses the machine').action(status);
program
  .command('kubeconfig')
  .description("print the path of the node's kubeconfig: export KUBECONFIG=$(npm run --silent cluster -- kubeconfig)")
  .action(kubeconfig);
program.command('load <archive>').description('import the images of an OCI archive into the node').action(load);
program.command('stop').description('stop a running start, or remove what is left of a killed start').action(stop);

await runProgram(program);
