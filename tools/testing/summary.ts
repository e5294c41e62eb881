import Table from 'cli-table3';
import type { SkippedTest } from './events.ts';

/** The result of one part. */
export interface PartResult {
  readonly part: string;
  readonly passed: number;
  /** The names of the failures. */
  readonly failed: readonly string[];
  readonly skipped: readonly SkippedTest[];
  readonly seconds: number;
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/**
 * Renders one row per part, each skipped test with its reason, each failure, and the last line, which scripts read.
 */
export function formatSummary(results: readonly PartResult[]): string {
  const table = new Table({
    head: ['part', 'passed', 'failed', 'skipped', 'seconds'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const { part, passed, failed, skipped, seconds } of results) {
    table.push([part, passed, failed.length, skipped.length, seconds.toFixed(1)]);
  }
  const skips = results.flatMap(({ part, skipped }) =>
    skipped.map(({ name, reason }) => `SKIPPED ${part}: ${name} (${reason || 'no reason given'})`),
  );
  const failures = results.flatMap(({ part, failed }) => failed.map((name) => `FAILED ${part}: ${name}`));
  return ['', table.toString(), ...skips, ...failures, '', closingLine(results)].join('\n');
}

export function closingLine(results: readonly PartResult[]): string {
  const sum = (count: (result: PartResult) => number) => results.reduce((total, result) => total + count(result), 0);
  return `${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed.length)} failed, ${sum(({ skipped }) => skipped.length)} skipped`;
}

/**
 * Returns the skipped tests that must not be skipped. `allowed` has one test name per line. A `*` at the end of a line
 * matches every name that begins with the text before it. So a CI machine must list the tests that it cannot run.
 */
export function findForbiddenSkips(skipped: readonly SkippedTest[], allowed: string): SkippedTest[] {
  const names = allowed
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return skipped.filter(
    ({ name }) =>
      !names.some((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)),
  );
}
