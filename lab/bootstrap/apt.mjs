import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError } from './failure.mjs';
import { findProgram } from './look.mjs';

/**
 * The Debian packages of the local cluster, each with a program or file that shows that it is installed. Programs are
 * also looked for in the sbin folders, which PATH may lack, as after `su` without a dash.
 *
 * `service` is a systemd unit of the package that must not run, because we start the program ourselves on another port.
 *
 * @type {readonly {name: string, program?: string, file?: string, service?: string}[]}
 */
const clusterPackages = [
  { name: 'gcc', program: 'gcc' },
  { name: 'libc6-dev', file: '/usr/include/stdio.h' },
  { name: 'pkg-config', program: 'pkg-config' },
  { name: 'libseccomp-dev', file: '/usr/include/seccomp.h' },
  { name: 'nftables', program: 'nft' },
  { name: 'iproute2', program: 'ip' },
  { name: 'util-linux', program: 'nsenter' },
  { name: 'mount', program: 'mount' },
  // This package includes promtool. It recommends node-exporter, which we do not install (--no-install-recommends).
  { name: 'prometheus', program: 'promtool', service: 'prometheus.service' },
  { name: 'ca-certificates', file: '/etc/ssl/certs/ca-certificates.crt' },
];

/**
 * Prints the names of the missing packages, then installs them.
 *
 * @param {{env: NodeJS.ProcessEnv, say: (text: string) => void, packages?: typeof clusterPackages, unitFolder?: string}} context
 */
export async function installSystemPackages({
  env,
  say,
  packages = clusterPackages,
  unitFolder = '/etc/systemd/system',
}) {
  const missing = findMissingPackages(packages, env);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(' ');
  if (findProgram('apt-get', env) === undefined) {
    throw new BootstrapError(
      `The local cluster needs these Debian packages, but this machine has no apt-get. Install equivalent packages: ${names}`,
    );
  }
  say(`Installing the Debian packages that the local cluster needs: ${names}`);
  maskServices(missing, unitFolder, say);
  // Update the package lists first: a new machine has no lists, and old lists name packages that no longer exist.
  const update = await aptGet(['update'], env);
  const install = await aptGet(['install', '--yes', '--no-install-recommends', ...names.split(' ')], env);
  const still = findMissingPackages(packages, env).map(({ name }) => name);
  if (install !== 0 || still.length > 0) {
    const lists = update === 0 ? '' : ' (apt-get update failed too)';
    throw new BootstrapError(
      `apt-get could not install ${still.join(' ') || names}${lists}; see its output above. Fix the cause, then run: apt-get install --yes ${names}`,
    );
  }
}

function findMissingPackages(packages, env) {
  const search = { PATH: `${env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` };
  return packages.filter(({ program, file }) =>
    program ? findProgram(program, search) === undefined : !existsSync(file ?? ''),
  );
}

/**
 * Masks a unit before its package is installed, as `systemctl mask` does: Debian's packages start their service
 * immediately. Leaves a unit unchanged if its file exists already, because the owner of the machine made it.
 */
function maskServices(missing, unitFolder, say) {
  for (const { name, service } of missing) {
    if (service === undefined || existsSync(join(unitFolder, service))) continue;
    mkdirSync(unitFolder, { recursive: true });
    symlinkSync('/dev/null', join(unitFolder, service));
    say(`The service of ${name} is disabled. To enable it: systemctl unmask ${service}`);
  }
}

function aptGet(args, env) {
  return new Promise((resolve, reject) => {
    // The timeout lets apt-get wait for another apt-get, such as that of a second run.
    const child = spawn('apt-get', ['--quiet', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: ['ignore', 2, 2],
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.once('error', reject);
    child.once('exit', resolve);
  });
}
