import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { clusterDir } from '#lab/cluster/cluster.ts';

/** Reads everything that a cluster could leave on the machine, as sorted lines that can be compared. */
export function readMachineState(): Record<string, string[]> {
  return {
    mounts: lines(readFileSync('/proc/self/mounts', 'utf8')),
    links: lines(ip('-brief', 'link')).map((line) => line.split(/\s+/)[0] ?? ''),
    addresses: lines(ip('-oneline', 'address')).map((line) => line.split(/\s+/).slice(1, 4).join(' ')),
    routes: lines(ip('route', 'show', 'table', 'all')),
    rules: lines(execFileSync('/usr/sbin/nft', ['list', 'tables'], { encoding: 'utf8' })),
    controlGroups: lines(readFileSync('/proc/self/mounts', 'utf8'))
      .filter((line) => /^\S+ \S+ cgroup/.test(line))
      .map((line) => `${line.split(' ')[1]}/sumpipeline`)
      .filter((path) => existsSync(path)),
    files: [
      '/var/lib/kubelet',
      '/var/lib/cni',
      '/var/lib/containerd',
      '/run/containerd',
      '/run/netns',
      clusterDir(),
    ].filter((path) => existsSync(path)),
    processes: findNodeProcesses().map(({ command }) => command),
  };
}

/** Finds the processes of the node and of its pods, with their pids on the host. */
export function findNodeProcesses(): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const command = readProcess(name, 'cmdline').replaceAll('\0', ' ').trim();
      const isOfNode = command.startsWith('/var/lib/node/') || readProcess(name, 'cgroup').includes(':/sumpipeline/');
      return isOfNode ? [{ pid: Number(name), command }] : [];
    });
}

/** Reads a file of /proc. Returns '' if the process has ended meanwhile. */
function readProcess(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function ip(...args: string[]): string {
  return execFileSync('/usr/sbin/ip', args, { encoding: 'utf8' });
}

function lines(text: string): string[] {
  return text.trim().split('\n').filter(Boolean).sort();
}
