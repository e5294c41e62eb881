import { availableParallelism } from 'node:os';
import type { TestPart } from './plan.ts';
import { mapBounded } from './pool.ts';
import { type FileResult, runTestFile } from './runFile.ts';
import { findForbiddenSkips, type PartResult } from './summary.ts';

/** How the files of a part run. */
interface Limits {
  /** Files at a time. */
  readonly files: number;
  /** Milliseconds for one file. */
  readonly fileMs: number;
  /** Milliseconds for one test. */
  readonly testMs: number;
}

const minute = 60_000;

export const limits: Record<TestPart, Limits> = {
  // Pure code: one process per core.
  unit: { files: availableParallelism(), fileMs: minute, testMs: minute / 3 },
  // A file starts brokers and databases: two on two cores, and four at most, whatever the machine, for its memory.
  integration: { files: Math.min(4, availableParallelism()), fileMs: 10 * minute, testMs: 3 * minute },
  // One cluster fits a machine. A cold one is built first, which takes up to 20 minutes.
  e2e: { files: 1, fileMs: 45 * minute, testMs: 40 * minute },
};

export interface PartRun {
  readonly part: TestPart;
  readonly files: readonly string[];
  readonly root: string;
  readonly scratch: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Test names that may be skipped, one per line; undefined: any, with a word about it. */
  readonly allowedSkips: string | undefined;
  print(text: string): void;
}

/** Runs the files of one part and prints, as each ends, what failed in it. */
export async function runPart(run: PartRun): Promise<PartResult> {
  const { part, files, root, scratch, env, signal, allowedSkips, print } = run;
  const { files: limit, fileMs, testMs } = limits[part];
  const startedAt = performance.now();
  const results = await mapBounded(files, limit, async (file) => {
    if (signal.aborted) return undefined;
    const result = await runTestFile({ file, root, scratch, env, signal, timeoutMs: fileMs, testTimeoutMs: testMs });
    print(describeFile(result));
    return result;
  });
  const finished = results.filter((result) => result !== undefined);
  const skipped = finished.flatMap((result) => result.skipped);
  const forbidden = allowedSkips === undefined ? [] : findForbiddenSkips(skipped, allowedSkips);
  return {
    part,
    passed: finished.reduce((total, { passed }) => total + passed, 0),
    failed: [
      ...finished.flatMap(({ failed }) => failed),
      ...forbidden.map(({ name }) => `${name} (was skipped; SUMPIPELINE_ALLOWED_SKIPS in .ci/run does not name it)`),
    ],
    skipped: skipped.filter((skip) => !forbidden.includes(skip)),
    seconds: (performance.now() - startedAt) / 1000,
  };
}

/** One line for a good file; a bad one with all that it printed and the names to look for. */
function describeFile({ file, passed, failed, skipped, seconds, output }: FileResult): string {
  const skips = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  const line = `${file}: ${passed} passed${skips} in ${seconds.toFixed(1)} s`;
  if (failed.length === 0) return line;
  return `\n--- ${file}\n${output.trimEnd()}\n--- ${line}, ${failed.length} failed: ${failed.join('; ')}\n`;
}
