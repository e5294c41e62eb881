import { readdir, readFile, readlink } from 'node:fs/promises';

export interface FoundProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
  /** Working folder of the process. */
  readonly folder: string;
}

/** Finds the processes whose command line or working folder contains `text`, such as the folder of a server. */
export async function findProcesses(text: string): Promise<FoundProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const looked = await Promise.all(
    pids.map(async (pid) => {
      try {
        const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
        const folder = await readlink(`/proc/${pid}/cwd`);
        if (!commandLine.includes(text) && !folder.includes(text)) return undefined;
        const [, parentPid] = readStatFields(await readFile(`/proc/${pid}/stat`, 'utf8'));
        return { pid, parentPid: Number(parentPid), commandLine, folder };
      } catch {
        return undefined; // the process has ended since it was listed
      }
    }),
  );
  return looked.filter((found) => found !== undefined);
}

/**
 * Returns the fields of /proc/PID/stat after the name: state, parent, and so on. The name may hold any characters.
 */
export function readStatFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
