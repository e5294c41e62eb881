import { spawnSync } from 'node:child_process';

/** The parts of `npm test` that consist of one command each. */
export const checks = {
  lint: ['biome', 'check', '--error-on-warnings', '.'],
  types: ['tsc', '--noEmit'],
  unused: ['knip', '--no-progress'],
  generated: ['node', 'tools/gen/generate.ts', '--verify'],
} as const;

export type Check = keyof typeof checks;

export function isCheck(part: string): part is Check {
  return Object.hasOwn(checks, part);
}

const timeoutMs = 5 * 60_000;

/** Runs one check. Its programs are on PATH, where npm and the bootstrap put node_modules/.bin. */
export function runCheck(part: Check, root: string): { isGood: boolean; output: string } {
  const [command, ...args] = checks[part];
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { isGood: status === 0, output: [error?.message, stdout, stderr].filter(Boolean).join('\n') };
}
