import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isAtLeast, parseVersion } from './tools.mjs';

/**
 * Finds the first Java of at least version `major`: in JAVA_HOME, on PATH, then in the usual folders.
 *
 * @param {number} major
 * @param {NodeJS.ProcessEnv} env
 * @param {readonly string[]} [folders] searched last, each with one folder per Java
 * @returns {{command?: string, newest?: string}} the program, or the newest version among those that are too old
 */
export function findJava(major, env, folders = ['/usr/lib/jvm', '/opt']) {
  /** @type {number[] | undefined} */
  let newest;
  for (const command of candidates(env, folders)) {
    const version = readVersion(command, env);
    if (version && isAtLeast(version, [major])) return { command };
    if (version && (!newest || isAtLeast(version, newest))) newest = version;
  }
  return newest ? { newest: newest.join('.') } : {};
}

/** Lists the programs that may be a Java, each once, the preferred one first. */
function candidates(env, folders) {
  const home = env['JAVA_HOME'];
  const onPath = (env['PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const installed = folders.flatMap((folder) => listFolder(folder).map((entry) => join(folder, entry, 'bin')));
  const programs = new Set();
  for (const folder of [...(home ? [join(home, 'bin')] : []), ...onPath, ...installed]) {
    try {
      programs.add(realpathSync(join(folder, 'java')));
    } catch {
      // This program does not exist: try the next one.
    }
  }
  return programs;
}

/**
 * Reads the version from the JDK's `release` file, which needs no JVM. Without this file the program prints its
 * version.
 */
function readVersion(command, env) {
  try {
    const release = readFileSync(join(dirname(dirname(command)), 'release'), 'utf8');
    const version = /^JAVA_VERSION="([^"]+)"/m.exec(release);
    if (version) return parseVersion(`java ${version[1]}`);
  } catch {
    // The release file does not exist.
  }
  const { stderr, error } = spawnSync(command, ['-version'], { encoding: 'utf8', env, timeout: 20_000 });
  return error ? undefined : parseVersion(stderr);
}

function listFolder(folder) {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
