import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Child, type ChildOptions, describeExit, spawnChild } from '#lab/process/child.ts';
import { readStatFields } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import { readLogTail } from '#lab/progress.ts';
import { address, device, nodeName, nodePath, programPath } from './layout.ts';
import { type RunOptions, runProgram } from './shell.ts';

export interface NodeSpaceOptions {
  /** The state folder, with `var/lib`, `var/log` and `log`. */
  readonly dir: string;
  /** The folder with Kubernetes' pause program. */
  readonly pauseDir: string;
  /** Folder with the programs of each Go module. The node gets it below `nodePath.etc`. */
  readonly programDirs: Readonly<Record<string, string>>;
}

/** The node's own mount, network, process, hostname and IPC namespaces. */
export interface NodeSpace {
  /** The node's process 1, with its pid on the host. */
  readonly init: NodeIdentity;
  /** Settles when the node has ended, whether we ended it or it failed. */
  readonly exited: Promise<unknown>;
  /** Returns a command for the host. It runs `command` in the node, and `command` ends when our process ends. */
  enter(command: readonly string[]): Pick<ChildOptions, 'command' | 'args' | 'env'>;
  /** Runs a program in the node until it ends. Returns its output. */
  run(command: readonly string[], options?: RunOptions): Promise<string>;
  /**
   * Kills process 1. The kernel then ends every process in the node, and removes the namespaces with their mounts,
   * devices and packet rules.
   */
  kill(): Promise<void>;
}

/** PATH in the node: first containerd's folder, because containerd finds its shim by name, then root's usual PATH. */
const searchPath = `${nodePath.etc}/bin/containerd:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/**
 * Makes the namespaces. Process 1 is Kubernetes' pause, which only reaps orphaned processes (every pod's shim becomes
 * an orphan). The kernel kills pause when `unshare` dies, and `unshare` when our process dies. So no node stays behind.
 */
export async function createNodeSpace(options: NodeSpaceOptions): Promise<NodeSpace> {
  const { dir, pauseDir } = options;
  const unshare = await spawnChild({
    command: 'unshare',
    args: [
      '--mount',
      '--net',
      '--pid',
      '--uts',
      '--ipc',
      '--fork',
      '--kill-child',
      '--mount-proc',
      `${pauseDir}/pause`,
    ],
    logFile: `${dir}/log/init.log`,
  });
  const ended = new AbortController();
  void unshare.exited.then((exit) => ended.abort(new Error(`unshare ended with ${describeExit(exit)}`)));
  try {
    const init = await waitFor(
      { what: "the node's process 1", timeoutMs: 10_000, intervalMs: 5, signal: ended.signal },
      () => findInit(unshare),
    );
    const space = describeSpace(unshare, init);
    await mountFolders(space.run, options);
    await space.run(['sh', '-c', `echo ${nodeName} > /proc/sys/kernel/hostname`]);
    return space;
  } catch (error) {
    unshare.signal('SIGKILL');
    throw new Error(`cannot make the node's namespaces\n${readLogTail(unshare.logFile)}`, { cause: error });
  }
}

/** Finds process 1. Undefined until the child of `unshare` has become pause: by then /proc is mounted. */
async function findInit(unshare: Child): Promise<NodeIdentity | undefined> {
  const pid = (await readFile(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8')).trim();
  if (pid === '') return undefined;
  return (await readFile(`/proc/${pid}/comm`, 'utf8')) === 'pause\n' ? await identifyProcess(Number(pid)) : undefined;
}

function describeSpace(unshare: Child, init: NodeIdentity): NodeSpace {
  const enter = enterNode(init.pid);
  return {
    init,
    exited: unshare.exited,
    run: runInNode(init.pid),
    enter: (command) => ({
      command: 'nsenter',
      // nsenter stays outside the node as the parent. If nsenter is killed, its program must end too.
      args: [...enter, 'setpriv', '--pdeathsig', 'KILL', '--', ...command],
      env: { PATH: searchPath },
    }),
    async kill() {
      unshare.signal('SIGKILL');
      await unshare.exited;
      await waitForEnd(init);
    },
  };
}

/** Returns a function that runs programs in the node with this process 1. Any process may call it, if it is root. */
export function runInNode(initPid: number): NodeSpace['run'] {
  const enter = enterNode(initPid);
  return (command, options) => runProgram(['nsenter', ...enter, ...command], options);
}

function enterNode(initPid: number): string[] {
  return [`--target=${initPid}`, '--mount', '--net', '--pid', '--uts', '--ipc', '--'];
}

/** Gives the node its own /var/lib and /var/log on our disk, an empty /run, and its programs. */
async function mountFolders(run: NodeSpace['run'], { dir, programDirs }: NodeSpaceOptions): Promise<void> {
  for (const [module, programs] of Object.entries(programDirs)) {
    await run(['mount', '--bind', programs, `${dir}${programPath(module, '')}`]);
  }
  await run(['mount', '--bind', `${dir}/var/log`, '/var/log']);
  // Mount /var/lib after everything that reads `dir`: the mount hides the host's /var/lib, which may contain `dir`.
  await run(['mount', '--rbind', `${dir}/var/lib`, '/var/lib']);
  await run(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
}

/** Sets up the node's side of the network. The veth pair must exist. */
export async function configureNodeNetwork(run: NodeSpace['run']): Promise<void> {
  const { nodeLink, bridge } = device;
  await run(['ip', 'link', 'set', 'lo', 'up']);
  await run(['ip', 'address', 'add', `${address.nodeLink}/${address.linkPrefix}`, 'dev', nodeLink]);
  await run(['ip', 'link', 'set', nodeLink, 'up']);
  await run(['ip', 'route', 'add', address.hostForPods, 'via', address.hostLink]);
  await loadBridgeFilter(run);
  await run(['ip', 'link', 'add', bridge, 'type', 'bridge']);
  await run(['ip', 'address', 'add', `${address.node}/24`, 'dev', bridge]);
  await run(['ip', 'link', 'set', bridge, 'up']);
  // kube-proxy rewrites Service addresses only in routed packets, so a route must exist.
  await run(['ip', 'route', 'add', address.serviceNetwork, 'dev', bridge, 'src', address.node]);
  // Pods share the bridge: without the second setting a response to a Service's client would not be rewritten.
  for (const setting of ['ipv4/ip_forward', bridgeFilter]) {
    await run(['sh', '-c', `echo 1 > /proc/sys/net/${setting}`]);
  }
}

const bridgeFilter = 'bridge/bridge-nf-call-iptables';

/**
 * Loads br_netfilter. It is the only kernel module of the node that the kernel does not load on demand. The module
 * stays loaded after the end of the node.
 */
async function loadBridgeFilter(run: NodeSpace['run']): Promise<void> {
  if (existsSync(`/proc/sys/net/${bridgeFilter}`)) return;
  await run(['modprobe', 'br_netfilter']).catch((cause) => {
    throw new Error('Services need the kernel module br_netfilter, but it cannot be loaded', { cause });
  });
}

/**
 * Identity of a process that stays unique after the end of the process. A pid alone is not enough, because the kernel
 * uses pids again.
 */
export interface NodeIdentity {
  readonly pid: number;
  /** Start time of the process, in kernel ticks since the boot. */
  readonly startTime: string;
}

/** Reads pid and start time of a process. Undefined if the process no longer exists. */
async function identifyProcess(pid: number): Promise<NodeIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Field 1 is the state, field 20 the start time.
  const fields = stat === undefined ? [] : readStatFields(stat);
  const [state, startTime] = [fields[0], fields[19]];
  // Z (zombie): the process has ended, and its parent has not read its exit status.
  return state === undefined || state === 'Z' || startTime === undefined ? undefined : { pid, startTime };
}

export async function isNodeRunning({ pid, startTime }: NodeIdentity): Promise<boolean> {
  return (await identifyProcess(pid))?.startTime === startTime;
}

/** Waits for the end of process 1. The kernel ends this process last, so every process in the node has ended too. */
export async function waitForEnd(node: NodeIdentity): Promise<void> {
  await waitFor({ what: `the node (process ${node.pid}) to be gone`, timeoutMs: 20_000 }, async () =>
    (await isNodeRunning(node)) ? undefined : true,
  );
}
