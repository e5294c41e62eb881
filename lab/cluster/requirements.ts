import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs of the host that the node uses, with the Debian package of each. */
const programs: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  nft: 'nftables',
  gcc: 'gcc',
  'pkg-config': 'pkg-config',
};

/**
 * Returns why this machine cannot run the local cluster, in sentences for users. Empty if it can. The build itself
 * reports a missing Go.
 */
export function findMissingRequirements(): string[] {
  if (process.platform !== 'linux')
    return ['The local cluster needs Linux. On other systems use your own cluster or kind.'];
  if (process.arch !== 'x64') return ['The local cluster is built and tested for x86-64 only.'];
  const missing: string[] = [];
  if (process.getuid?.() !== 0) missing.push('The local cluster makes namespaces and network devices: run it as root.');
  const absent = Object.keys(programs).filter((program) => !isOnPath(program));
  if (absent.length > 0) {
    const packages = [...new Set(absent.map((program) => programs[program]))].join(' ');
    missing.push(`Not found: ${absent.join(', ')}. On Debian: apt-get install ${packages}`);
  }
  return missing;
}

/** Returns whether a program is on PATH or in an sbin folder. Debian has nft and ip in sbin, which PATH may lack. */
function isOnPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false; // the next folder may have the program
    }
  });
}
