import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { findJava } from './java.mjs';
import { isAtLeast, parseVersion, tools } from './tools.mjs';

/** @typedef {import('./tools.mjs').Tool} Tool */
/** @typedef {import('./tools.mjs').Missing} Missing */

/**
 * @param {readonly Tool[]} wanted
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Missing[]>}
 */
export async function findMissingTools(wanted, env) {
  const script = env['npm_lifecycle_event'];
  const system = {
    arch: process.arch === 'x64' ? 'amd64' : process.arch,
    nodePackage: `node-${process.platform}-${process.arch}`,
    command:
      script === undefined || script === 'start' || script === 'test'
        ? `npm ${script ?? 'start'}`
        : `npm run ${script}`,
  };
  const missing = [];
  for (const tool of wanted) {
    const { isThere, found } = look(tool, env);
    if (!isThere) missing.push({ tool, found, system });
  }
  return missing;
}

/** @returns {{isThere: boolean, found?: string | undefined}} */
function look(tool, env) {
  switch (tool) {
    case tools.node:
      return compare(tool, process.version);
    case tools.npm:
      return { isThere: findProgram('npm', env) !== undefined };
    case tools.git:
      return { isThere: findProgram('git', env) !== undefined };
    case tools.utilLinux:
      return { isThere: ['flock', 'setpriv'].every((name) => findProgram(name, env) !== undefined) };
    case tools.cpp:
      return { isThere: findProgram('g++', env) !== undefined };
    case tools.maven:
      return { isThere: findProgram('mvn', env) !== undefined };
    case tools.root:
      return { isThere: process.getuid?.() === 0 };
    case tools.go: {
      const go = findProgram('go', env);
      if (go === undefined) return { isThere: false };
      return compare(
        tool,
        spawnSync(go, ['env', 'GOVERSION'], {
          encoding: 'utf8',
          env: { ...env, GOTOOLCHAIN: 'local' },
          timeout: 20_000,
        }).stdout ?? '',
      );
    }
    case tools.java:
    case tools.generatorJava: {
      const { command, newest } = findJava(tool.atLeast[0], env);
      return { isThere: command !== undefined, found: newest };
    }
    default:
      throw new Error(`no check is written for ${tool.name}`);
  }
}

function compare(tool, text) {
  const version = parseVersion(text);
  if (!version) return { isThere: false };
  return { isThere: isAtLeast(version, tool.atLeast), found: version.join('.') };
}

/**
 * Returns the path of a program on PATH, or undefined.
 *
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 */
export function findProgram(name, env) {
  for (const folder of (env['PATH'] ?? '').split(':')) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // The program is not in this folder.
    }
  }
  return undefined;
}
