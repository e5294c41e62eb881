import { readOption } from './options.mjs';
import { tools } from './tools.mjs';

/** @typedef {import('./tools.mjs').Tool} Tool */

/** What each npm script runs after the bootstrap. Paths are relative to the repository. */
export const programs = {
  up: { script: 'lab/up/main.ts', args: [] },
  down: { script: 'lab/up/down.main.ts', args: [] },
  test: { script: 'tools/test.ts', args: [] },
  gen: { script: 'tools/gen/generate.ts', args: [] },
  cluster: { script: 'lab/cluster/main.ts', args: [] },
  loop: { script: 'test/loop/main.ts', args: [] },
  alerts: { script: 'test/alerts/main.ts', args: [] },
  load: { script: 'lab/load/main.ts', args: [] },
  tilt: { script: 'lab/tilt/main.ts', args: [] },
  verify: { script: 'tools/gen/generate.ts', args: ['--verify'] },
};

/**
 * Parts of `npm test` that need no servers. The arguments are `npm test -- [part]... [piece of a path]...`. Without a
 * part, a piece of a path may match a test of any part.
 */
const partsWithoutServers = ['lint', 'types', 'unused', 'generated', 'unit'];
const partsWithServers = ['integration', 'e2e'];

const always = [tools.node, tools.npm, tools.utilLinux];

/**
 * Returns what a command needs on the machine. Kafka needs Java and Maven. The local cluster needs all other tools. A
 * command that only prints or only computes needs neither Kafka nor a cluster.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {{tools: readonly Tool[], needsSystemPackages: boolean}}
 */
export function requirementsOf(command, args) {
  const kafka = [tools.java, tools.maven];
  const cluster = [tools.go, tools.root];
  const onlyAlways = { tools: always, needsSystemPackages: false };
  switch (command) {
    case 'up': {
      if (args.includes('--help') || args.includes('-h')) return onlyAlways;
      // Only a local cluster must be built. Any other cluster exists already.
      const isLocal = (readOption(args, 'cluster') ?? 'local') === 'local';
      return { tools: [...always, ...kafka, ...(isLocal ? cluster : [])], needsSystemPackages: isLocal };
    }
    case 'down':
      if (args.includes('--help') || args.includes('-h')) return onlyAlways;
      return { tools: [...always, tools.root], needsSystemPackages: false };
    case 'alerts':
    case 'loop':
    case 'tilt':
      if (args.includes('--help') || args.includes('-h')) return onlyAlways;
      return {
        tools: [...always, ...kafka, ...cluster, ...(command === 'tilt' ? [tools.cpp] : [])],
        needsSystemPackages: true,
      };
    case 'test': {
      const onlyUnit = { tools: [...always, tools.git], needsSystemPackages: false };
      const parts = args.filter((arg) => partsWithServers.includes(arg) || partsWithoutServers.includes(arg));
      if (parts.length > 0 && parts.every((part) => partsWithoutServers.includes(part))) return onlyUnit;
      return { tools: [...onlyUnit.tools, ...kafka, tools.generatorJava, ...cluster], needsSystemPackages: true };
    }
    case 'cluster':
      switch (args[0]) {
        case 'build':
        case 'start':
          return { tools: [...always, ...cluster], needsSystemPackages: true };
        case 'load':
        case 'stop':
          // Both commands use a node that an earlier start made, so the tools that make a node are not needed.
          return { tools: [...always, tools.root], needsSystemPackages: false };
        default:
          return onlyAlways;
      }
    default:
      return onlyAlways;
  }
}
