import { availableParallelism } from 'node:os';
import type { TestPart } from './plan.ts';
import { mapBounded } from './pool.ts';
import { type FileResult, type FilesRun, runTestFile, runTestFiles } from './runFiles.ts';
import { findForbiddenSkips, type PartResult } from './summary.ts';

/** How the files of a part run. */
interface Limits {
  /** Number of processes at a time. */
  readonly processes: number;
  /** Number of files in one process. */
  readonly batch: number;
  /** Milliseconds for one process. */
  readonly processMs: number;
  /** Milliseconds for one test. The limit also holds for a whole file, because node:test counts a file as a test. */
  readonly testMs: number;
}

const minute = 60_000;

const limits: Record<TestPart, Limits> = {
  // To start a process and load libraries takes longer than most files (0.3 s of processor time), so batches are
  // large. Tests also wait, so more batches run at a time than there are cores (on two cores 17 s became 14 s).
  unit: { processes: availableParallelism() + 2, batch: 20, processMs: 2 * minute, testMs: minute },
  // At most four files run at the same time, because the brokers and databases of a file need memory. node:test counts
  // a file as a test, so `testMs` limits a whole file. The longest files take 2 minutes, or 4 on a busy machine.
  integration: {
    processes: Math.min(4, availableParallelism()),
    batch: 1,
    processMs: 15 * minute,
    testMs: 14 * minute,
  },
  // Only one cluster fits a machine. If the cache is empty, the cluster is built first, which takes up to 20 minutes.
  e2e: { processes: 1, batch: 1, processMs: 45 * minute, testMs: 40 * minute },
};

/**
 * The tests in this folder start first. They take as long as half of all integration tests. If they started last, they
 * would run alone at the end.
 */
const longest = 'test/mutants/';

/** Sorts the files: files that take the longest come first. */
export function longestFirst(files: readonly string[]): string[] {
  const isLong = (file: string) => file.startsWith(longest);
  return [...files.filter(isLong), ...files.filter((file) => !isLong(file))];
}

export interface PartRun extends Pick<FilesRun, 'root' | 'scratch' | 'env' | 'signal'> {
  readonly part: TestPart;
  readonly files: readonly string[];
  /** Test names that may be skipped, one per line. Undefined: any test may be skipped, and a note is printed. */
  readonly allowedSkips: string | undefined;
  print(text: string): void;
}

/** Runs the files of one part. Prints the failures of each file when the file ends. */
export async function runPart(run: PartRun): Promise<PartResult> {
  const { part, files, signal, allowedSkips, print } = run;
  const startedAt = performance.now();
  const batches = splitEvenly(longestFirst(files), limits[part].batch);
  const results = await mapBounded(batches, limits[part].processes, async (batch) => {
    if (signal.aborted) return [];
    const finished = await runBatch(run, batch);
    for (const result of finished) print(describeFile(result));
    return finished;
  });
  const finished = results.flat();
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

/**
 * Runs files in one process, which saves time. A file with a failure runs again in its own process. After a hang or a
 * crash every file does, to find the file that caused it. A test that fails beside other files and passes alone still
 * counts as failed, because it is flaky or depends on the other files.
 */
async function runBatch(run: PartRun, files: readonly string[]): Promise<FileResult[]> {
  const { part, root, scratch, env, signal } = run;
  const { processMs, testMs } = limits[part];
  const settings = { root, scratch, env, signal, timeoutMs: processMs, testTimeoutMs: testMs };
  if (files.length === 1) return mapBounded(files, 1, (file) => runTestFile({ ...settings, file }));

  const together = await runTestFiles({ ...settings, files });
  return mapBounded(together.results, 1, async (shared) => {
    const isGood = shared.failed.length === 0 && shared.passed > 0;
    if ((isGood && together.problem === undefined) || signal.aborted) return shared;
    const alone = await runTestFile({ ...settings, file: shared.file });
    if (alone.failed.length > 0 || shared.failed.length === 0) return alone;
    const failed = shared.failed.map((name) => `${name} (passes alone: flaky, or not independent of other files)`);
    return { ...alone, failed, output: shared.output };
  });
}

/** Makes groups of at most `size`, as equal as possible. Neighbours stay together: they load the same libraries. */
export function splitEvenly<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) =>
    items.slice(Math.round((index * items.length) / count), Math.round(((index + 1) * items.length) / count)),
  );
}

/**
 * Renders one line for a file that passed. For a failed file renders its whole output and the names of the failures.
 */
function describeFile({ file, passed, failed, skipped, durationMs, output }: FileResult): string {
  const skips = skipped.length === 0 ? '' : `, ${skipped.length} skipped`;
  const line = `${file}: ${passed} passed${skips} in ${(durationMs / 1000).toFixed(1)} s`;
  if (failed.length === 0) return line;
  return `\n--- ${file}\n${output.trimEnd()}\n--- ${line}, ${failed.length} failed: ${failed.join('; ')}\n`;
}
