import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeExit, spawnChild } from '#tools/process/child.ts';
import { countTests, type TestCounts, testEventSchema } from './events.ts';

export interface FileRun {
  /** Relative to `root`. */
  readonly file: string;
  readonly root: string;
  /** For the output and the events of this run; somebody else removes it. */
  readonly scratch: string;
  /** Milliseconds for the whole file; then it is stopped with everything it started. */
  readonly timeoutMs: number;
  /** Milliseconds for one test, so that a hanging one has a name. */
  readonly testTimeoutMs: number;
  readonly env: NodeJS.ProcessEnv;
  /** Stops the file at once. */
  readonly signal: AbortSignal;
}

export interface FileResult extends TestCounts {
  readonly file: string;
  readonly seconds: number;
  /** All that the file printed. */
  readonly output: string;
}

const reporter = join(import.meta.dirname, 'reporter.ts');

/** From SIGTERM, which lets `after` hooks run, to SIGKILL. */
const graceMs = 10_000;

/** Runs one test file in a process of its own. Never rejects because of the tests: what went wrong is in the result. */
export async function runTestFile(run: FileRun): Promise<FileResult> {
  const { file, root, scratch, timeoutMs, testTimeoutMs, env, signal } = run;
  const startedAt = performance.now();
  const folder = await mkdtemp(join(scratch, 'run-'));
  const eventsFile = join(folder, 'events.ndjson');
  const logFile = join(folder, 'output.log');
  const child = await spawnChild({
    command: process.execPath,
    args: [
      `--test-timeout=${testTimeoutMs}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${reporter}`,
      `--test-reporter-destination=${eventsFile}`,
      join(root, file),
    ],
    logFile,
    // Set when we run under `node --test` ourselves: the file would then speak its protocol instead of ours.
    env: { ...env, NODE_TEST_CONTEXT: undefined },
  });

  let stopReason: string | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (reason: string) => {
    stopReason ??= reason;
    signalGroup(child.pid, 'SIGTERM');
    killer ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
  };
  const onAbort = () => stop('interrupted');
  const timer = setTimeout(() => stop(`no end after ${timeoutMs / 1000} s`), timeoutMs);
  signal.addEventListener('abort', onAbort, { once: true });
  const exit = await child.exited;
  clearTimeout(timer);
  clearTimeout(killer);
  signal.removeEventListener('abort', onAbort);

  const counts = countTests(await readEvents(eventsFile));
  const failed = [...counts.failed];
  if (stopReason !== undefined) failed.push(`${file}: ${stopReason}${describeUnfinished(counts)}`);
  else if (exit.code !== 0 && failed.length === 0) failed.push(`${file}: ended with ${describeExit(exit)}`);
  else if (counts.passed + failed.length + counts.skipped.length === 0) failed.push(`${file}: holds no test`);
  return {
    ...counts,
    failed,
    file,
    seconds: (performance.now() - startedAt) / 1000,
    output: await readFile(logFile, 'utf8'),
  };
}

function describeUnfinished({ unfinished }: TestCounts): string {
  return unfinished.length === 0 ? '' : ` (running: ${unfinished.join(', ')})`;
}

/** A child has a group of its own; what it started in that group goes with it. */
function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // Gone already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readEvents(file: string) {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // The file failed before its first test.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  // What stands behind the last line end was being written when the file was stopped.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => testEventSchema.parse(JSON.parse(line)));
}
