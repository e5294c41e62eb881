import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BootstrapError } from './failure.mjs';

export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * How long to wait before printing that another npm ci runs, in milliseconds. If the lock is free, the install script
 * writes to descriptor 3 within this time, and nothing is printed.
 */
const waitingMs = 1_000;

/** Exit code of the install script if npm failed. Node never uses this code for its own errors. */
export const npmFailed = 3;

/**
 * Runs `npm ci` unless node_modules already matches this lock file. If two runs start at the same time, one run
 * installs, and the other run waits for the kernel's file lock on the repository's folder. All processes of npm hold
 * this lock, so it is free only after the last of them ended. The marker is written only after npm succeeded. So after
 * an interrupted run the next run installs again.
 *
 * @param {{env: NodeJS.ProcessEnv, say: (text: string) => void, root?: string}} context
 */
export async function installNodeModules({ env, say, root = repository }) {
  if (isInstalled(root)) return;
  const script = join(dirname(fileURLToPath(import.meta.url)), 'install.mjs');
  const slow = setTimeout(() => say('Waiting for another npm ci in this folder...'), waitingMs);
  const code = await new Promise((resolve, reject) => {
    const child = spawn('flock', [root, process.execPath, script, root], { stdio: ['ignore', 2, 2, 'pipe'], env });
    child.once('error', reject);
    child.once('exit', resolve);
    child.stdio[3].once('data', () => clearTimeout(slow));
  })
    .catch((error) => {
      throw new BootstrapError(`cannot run flock: ${error.message}`);
    })
    .finally(() => clearTimeout(slow));
  if (code !== 0 || !isInstalled(root)) throw new BootstrapError('npm ci failed; see its output above.');
}

/** Returns whether node_modules was completed for exactly this lock file on this kind of machine. */
export function isInstalled(root) {
  try {
    return readFileSync(markerFile(root), 'utf8') === fingerprint(root);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
    throw error;
  }
}

/** @param {string} root */
export function markInstalled(root) {
  writeFileSync(markerFile(root), fingerprint(root));
}

/** @param {string} root */
export function unmarkInstalled(root) {
  rmSync(markerFile(root), { force: true });
}

/**
 * Returns whether the user ran `npm ci` by hand for this lock file. npm writes its list of unpacked packages last. If
 * that list has the packages of the lock file, no second install is needed. A second install would replace the files of
 * running programs.
 *
 * @param {string} root
 */
export function isInstalledByHand(root) {
  const listFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(listFile)) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const unpacked = JSON.parse(readFileSync(listFile, 'utf8')).packages;
  const isSame = ([path, { integrity }]) => unpacked[path]?.integrity === integrity;
  // Optional packages for other machines may be missing, but the packages for this machine must exist.
  const isOurs = ([path, { optional, os, cpu }]) =>
    path !== '' &&
    (!optional || (fits(os, process.platform) && fits(cpu, process.arch) && unpacked[path] !== undefined));
  return (
    Object.entries(wanted).filter(isOurs).every(isSame) &&
    Object.keys(unpacked).every((path) => wanted[path] !== undefined)
  );
}

function fits(allowed, ours) {
  return allowed === undefined || allowed.includes(ours);
}

function markerFile(root) {
  return join(root, 'node_modules', '.sumpipeline-installed');
}

function fingerprint(root) {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${hash} ${process.platform}-${process.arch}\n`;
}
