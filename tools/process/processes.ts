import { readdir, readFile, readlink } from 'node:fs/promises';

export interface FoundProcess {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
  /** Its current folder. */
  readonly folder: string;
}

/** The processes whose command line or current folder holds `text`, such as the folder of a server. */
export async function findProcesses(text: string): Promise<FoundProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const looked = await Promise.all(
    pids.map(async (pid) => {
      try {
        const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim();
        const folder = await readlink(`/proc/${pid}/cwd`);
        if (!commandLine.includes(text) && !folder.includes(text)) return undefined;
        const parentPid = readParentPid(await readFile(`/proc/${pid}/stat`, 'utf8'));
        return { pid, parentPid, commandLine, folder };
      } catch {
        return undefined; // gone since it was listed
      }
    }),
  );
  return looked.filter((found) => found !== undefined);
}

/** `pid (name) state parent ...`, where the name may hold anything, parentheses too. */
function readParentPid(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}
