/**
 * `npm test`: runs every check and every test, and prints one summary. `npm test -- unit core` runs a part.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheRoot } from '#lab/cache.ts';
import { type Check, checks, isCheck, runCheck } from './testing/checks.ts';
import { createTemporaryFolder } from './testing/folder.ts';
import { type Part, type Plan, planRun, refuseIdleFilters, selectFiles, UsageError } from './testing/plan.ts';
import { runPart } from './testing/runPart.ts';
import { formatSummary, type PartResult } from './testing/summary.ts';

const root = dirname(import.meta.dirname);
const print = (text: string) => console.log(text);

// The first Ctrl-C stops the tests. A second Ctrl-C ends this process immediately, and the tests' processes with it.
const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(name));

// List the tracked files, and new files that are not in git yet.
const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
const files = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)));

const plan = readPlan();
await using scratch = await createTemporaryFolder();
const results: PartResult[] = [];
for (const part of plan.parts) {
  if (!interrupt.signal.aborted) results.push(await run(part));
}
print(formatSummary(results));
const isInterrupted = interrupt.signal.aborted;
if (isInterrupted || results.some(({ failed }) => failed.length > 0)) process.exitCode = 1;

function readPlan(): Plan {
  try {
    const asked = planRun(process.argv.slice(2));
    refuseIdleFilters(asked, files);
    return asked;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

async function run(part: Part): Promise<PartResult> {
  print(`\n== ${part}`);
  if (isCheck(part)) return check(part);
  return runPart({
    part,
    files: selectFiles(files, part, plan.filters),
    root,
    scratch: scratch.path,
    env: {
      ...process.env,
      // A killed test may leave files in its temporary folder. They are removed with our folder.
      TMPDIR: scratch.path,
      // The compile cache saves a quarter of the unit tests' time: stripping types and compiling.
      NODE_COMPILE_CACHE: join(cacheRoot(), 'node-compile'),
    },
    signal: interrupt.signal,
    allowedSkips: process.env['CI'] === 'true' ? (process.env['SUMPIPELINE_ALLOWED_SKIPS'] ?? '') : undefined,
    print,
  });
}

function check(part: Check): PartResult {
  const startedAt = performance.now();
  const { isGood, output } = runCheck(part, root);
  if (!isGood) print(output);
  const seconds = (performance.now() - startedAt) / 1000;
  return { part, passed: isGood ? 1 : 0, failed: isGood ? [] : [checks[part].join(' ')], skipped: [], seconds };
}
