/** The local cluster by hand: `node tools/cluster/main.ts` says how. `npm start` brings up the rest beside it. */
import { parseArgs } from 'node:util';
import { createProgress } from '#tools/progress.ts';
import { findNode, removeNode, startCluster } from './cluster.ts';
import { importImages } from './images.ts';
import { acquireMachine, findMachineHolder } from './machine.ts';
import { runInNode } from './nodeSpace.ts';

const usage = `Usage: node tools/cluster/main.ts COMMAND
  start        start a one-node Kubernetes and keep it until Ctrl-C
  status       say whether a node runs, who has it, and where its kubeconfig is
  stop         end the program that runs the node, or remove what a killed one left behind
  load FILE    make the images of an OCI archive known to the node`;

const progress = createProgress();

async function start(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort(new Error(signal)));
  await using cluster = await startCluster({ progress, what: 'a cluster started by hand', signal: interrupted.signal });
  progress.note(`export KUBECONFIG=${cluster.kubeconfigPath}\nalias kubectl=${cluster.kubectlPath}\nCtrl-C ends it.`);
  const ended = new Promise<string>((resolve) => {
    interrupted.signal.addEventListener('abort', () => resolve('Stopping.'), { once: true });
  });
  progress.note(await Promise.race([ended, cluster.died]));
}

async function status(): Promise<void> {
  const [holder, node] = [await findMachineHolder(), await findNode()];
  if (holder) console.log(`The machine is taken by ${holder.what}, process ${holder.pid}, since ${holder.since}.`);
  console.log(node ? `A node runs. KUBECONFIG=${node.kubeconfigPath}` : 'No node runs on this machine.');
}

async function stop(): Promise<void> {
  const holder = await findMachineHolder();
  if (holder) {
    progress.note(`Asking ${holder.what} (process ${holder.pid}) to end.`);
    process.kill(holder.pid, 'SIGTERM');
  }
  await using _machine = await acquireMachine({ what: 'stopping the cluster', progress });
  await removeNode();
  progress.note('No node runs, and nothing of it is left.');
}

async function load(archive: string): Promise<void> {
  const node = await findNode();
  if (!node) throw new Error('No node runs on this machine: start one first.');
  await importImages(runInNode(node.initPid), archive);
}

async function runCommand(): Promise<void> {
  const [command, file] = parseArgs({ allowPositionals: true }).positionals;
  if (command === 'start') return await start();
  if (command === 'status') return await status();
  if (command === 'stop') return await stop();
  if (command === 'load' && file !== undefined) return await load(file);
  console.error(usage);
  process.exitCode = 2;
}

try {
  await runCommand();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
