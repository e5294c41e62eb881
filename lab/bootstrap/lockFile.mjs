/**
 * Adds missing packages to package-lock.json. npm leaves out a package for another platform if the registry lacks the
 * required version. `npm ci` then refuses the whole file ("Missing: ... from lock file"). Run `node
 * lab/bootstrap/lockFile.mjs` after `npm install`. After that `npm ci` skips the added packages on this platform.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { repository } from './nodeModules.mjs';

/**
 * Finds optional dependencies of packages that have no entry in the lock file. Returns the entries to add, by their
 * path in node_modules.
 *
 * @param {Record<string, any>} packages the `packages` of a package-lock.json
 * @returns {Record<string, object>}
 */
export function findLeftOut(packages) {
  const leftOut = {};
  for (const [path, wanting] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`;
      const isNamed = packages[key] ?? packages[`${path}/${key}`];
      if (!isNamed)
        leftOut[key] = { version, ...readPlatform(name), ...(wanting.dev ? { dev: true } : {}), optional: true };
    }
  }
  return leftOut;
}

const cpus = { aarch64: 'arm64', armv7: 'arm' };

/** Reads the platform from the name alone, in the form of esbuild and Biome: `cli-linux-x64-musl`. */
function readPlatform(name) {
  const match = /-(aix|android|darwin|freebsd|linux|netbsd|openbsd|sunos|win32)-([a-z0-9]+)(?:-(musl|gnu))?$/.exec(
    name,
  );
  if (!match) throw new Error(`${name} is not in package-lock.json and its name does not contain its platform`);
  const [, os, cpu, libc] = match;
  return { os: [os], cpu: [cpus[cpu] ?? cpu], ...(libc ? { libc: [libc === 'gnu' ? 'glibc' : libc] } : {}) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = join(repository, 'package-lock.json');
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const leftOut = findLeftOut(lock.packages);
  const entries = Object.entries({ ...lock.packages, ...leftOut });
  lock.packages = Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.error(`added ${Object.keys(leftOut).length} packages to package-lock.json`);
}
