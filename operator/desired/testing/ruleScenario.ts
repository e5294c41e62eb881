import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import type { RuleGroup } from '../ruleGroup.ts';

/** Seconds between samples: the interval of the rules. */
export const stepSeconds = 15;

/** A sample, or no sample. */
export type Sample = number | undefined;

export interface Expectation {
  readonly minute: number;
  readonly expr: string;
  /** Expected value, whatever the labels are. Undefined means that no series exists. */
  readonly value: Sample;
}

/**
 * Samples for Prometheus in steps of 15 s, and the expected results of the rules. Each call of `at` returns every
 * series at one step, by its full name with labels.
 */
export interface RuleScenario {
  readonly groups: readonly RuleGroup[];
  readonly minutes: number;
  readonly at: (step: number) => Readonly<Record<string, Sample>>;
  readonly expect: readonly Expectation[];
}

export interface PromtoolAnswer {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs the scenario through the real promtool: `check rules`, then `test rules`. */
export async function runScenario({ groups, minutes, at, expect }: RuleScenario): Promise<PromtoolAnswer> {
  await using folder = await createTemporaryFolder();
  const file = (name: string) => join(folder.path, name);
  await writeFile(file('rules.yaml'), stringify({ groups }));
  const checked = await promtool(['check', 'rules', file('rules.yaml')]);
  if (!checked.ok) return checked;
  const steps = (minutes * 60) / stepSeconds + 1;
  const test = {
    rule_files: ['rules.yaml'],
    evaluation_interval: `${stepSeconds}s`,
    tests: [
      {
        interval: `${stepSeconds}s`,
        input_series: toSeries(Array.from({ length: steps }, (_, step) => at(step))),
        promql_expr_test: expect.map(({ minute, expr, value }) => ({
          // `max` removes the labels: the golden file tests them.
          expr: `max(${expr})`,
          eval_time: `${Math.round(minute * 60)}s`,
          exp_samples: value === undefined ? [] : [{ labels: '{}', value }],
        })),
      },
    ],
  };
  await writeFile(file('test.yaml'), stringify(test, { aliasDuplicateObjects: false }));
  return await promtool(['test', 'rules', file('test.yaml')]);
}

function toSeries(samples: readonly Readonly<Record<string, Sample>>[]): { series: string; values: string }[] {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return [...names].map((series) => ({
    series,
    // Prometheus marks the series of a lost target as stale. Without the mark the last sample would count for 5
    // minutes.
    values: samples
      .map((sample, at) => sample[series] ?? (samples[at - 1]?.[series] === undefined ? '_' : 'stale'))
      .join(' '),
  }));
}

function promtool(args: readonly string[]): Promise<PromtoolAnswer> {
  return new Promise((resolve, reject) => {
    execFile('promtool', args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') {
        reject(new Error("promtool is missing: install Debian's package prometheus"));
      } else resolve({ ok: error === null, output: `${stdout}${stderr}` });
    });
  });
}
