import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { BootstrapError } from './failure.mjs';
import { findProgram } from './look.mjs';

/**
 * The Debian packages of the local cluster, each with how to see that it is there. Programs are looked for where root has
 * them even when PATH, as in `su` without a dash, lacks the sbin folders.
 *
 * @type {readonly {name: string, program?: string, file?: string}[]}
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
  { name: 'ca-certificates', file: '/etc/ssl/certs/ca-certificates.crt' },
];

/**
 * Installs what is missing of the packages, after saying so.
 *
 * @param {{env: NodeJS.ProcessEnv, say: (text: string) => void, packages?: typeof clusterPackages}} context
 */
export async function installSystemPackages({ env, say, packages = clusterPackages }) {
  const missing = findMissingPackages(packages, env);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  if (findProgram('apt-get', env) === undefined) {
    throw new BootstrapError(
      `The local cluster needs these Debian packages, and this machine has no apt-get: install their like: ${names}`,
    );
  }
  say(`Installing the Debian packages that the local cluster needs: ${names}`);
  // A fresh image has no package lists; an old one has lists of packages that are gone.
  const update = await aptGet(['update'], env);
  const install = await aptGet(['install', '--yes', '--no-install-recommends', ...missing], env);
  const still = findMissingPackages(packages, env);
  if (install !== 0 || still.length > 0) {
    const lists = update === 0 ? '' : ' (apt-get update failed too)';
    throw new BootstrapError(
      `apt-get could not install ${still.join(' ') || names}${lists}: its output is above. Then run: apt-get install --yes ${names}`,
    );
  }
}

function findMissingPackages(packages, env) {
  const search = { PATH: `${env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` };
  return packages
    .filter(({ program, file }) => (program ? findProgram(program, search) === undefined : !existsSync(file ?? '')))
    .map(({ name }) => name);
}

function aptGet(args, env) {
  return new Promise((resolve, reject) => {
    // Another apt-get, such as a second run of ours, is waited for.
    const child = spawn('apt-get', ['--quiet', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: ['ignore', 2, 2],
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.once('error', reject);
    child.once('exit', resolve);
  });
}
