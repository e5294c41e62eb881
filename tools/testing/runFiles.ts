import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeExit, spawnChild } from '#lab/process/child.ts';
import { countTests, groupByFile, type TestCounts, type TestEvent, testEventSchema } from './events.ts';

export interface FilesRun {
  /** Test files, relative to `root`. They run in one process, one after the other. */
  readonly files: readonly string[];
  readonly root: string;
  /** Folder for the output and the events of this run. The caller removes it. */
  readonly scratch: string;
  /** Milliseconds for the whole process. After that time it is stopped with its child processes. */
  readonly timeoutMs: number;
  /** Timeout of one test, in milliseconds. It makes a hanging test fail by its name. */
  readonly testTimeoutMs: number;
  readonly env: NodeJS.ProcessEnv;
  /** Stops the process immediately. */
  readonly signal: AbortSignal;
}

export interface FileResult extends TestCounts {
  readonly file: string;
  /** All that the process printed. */
  readonly output: string;
}

export interface FilesResult {
  /** One result per file, in the order of `files`. */
  readonly results: readonly FileResult[];
  /** Why the process itself failed, such as a hang or a crash. Undefined if it ended normally, even if tests failed. */
  readonly problem: string | undefined;
}

const program = join(import.meta.dirname, 'runFiles.main.ts');
const reporter = join(import.meta.dirname, 'reporter.ts');

/** Time from SIGTERM to SIGKILL, in milliseconds. */
const graceMs = 10_000;

/** Runs test files in a separate process. Never rejects because of the tests: failures are in the result. */
export async function runTestFiles(run: FilesRun): Promise<FilesResult> {
  const { files, root, scratch, timeoutMs, testTimeoutMs, env, signal } = run;
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
      program,
      root,
      ...files,
    ],
    logFile,
    // Remove this variable, which an outer `node --test` sets. With it node would report to that outer process, and not
    // to our reporter.
    env: { ...env, NODE_TEST_CONTEXT: undefined },
  });

  let problem: string | undefined;
  let killer: NodeJS.Timeout | undefined;
  const stop = (reason: string) => {
    problem ??= reason;
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

  const groups = groupByFile(await readEvents(eventsFile));
  const output = await readFile(logFile, 'utf8');
  const results = files.map((file) => ({ ...countTests(file, groups.get(file) ?? []), file, output }));
  if (exit.code !== 0 && results.every(({ failed }) => failed.length === 0))
    problem ??= `ended with ${describeExit(exit)}`;
  return { results, problem };
}

/** Runs one file alone. A problem of the process counts as a failure of the file. */
export async function runTestFile({ file, ...run }: Omit<FilesRun, 'files'> & { file: string }): Promise<FileResult> {
  const { results, problem } = await runTestFiles({ ...run, files: [file] });
  const [result] = results;
  if (!result) throw new Error(`no result for ${file}`);
  const { passed, failed, skipped, unfinished } = result;
  const running = unfinished.length === 0 ? '' : ` (running: ${unfinished.join(', ')})`;
  if (problem !== undefined) return { ...result, failed: [...failed, `${file}: ${problem}${running}`] };
  if (passed + failed.length + skipped.length === 0) return { ...result, failed: [`${file}: contains no test`] };
  return result;
}

/** Sends a signal to the process group of a child, so that the child's own children end too. */
function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    // The group has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function readEvents(file: string): Promise<TestEvent[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    // The process ended before its first test.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  // Drop the text after the last line end: the process was stopped while it wrote the line.
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => testEventSchema.parse(JSON.parse(line)));
}
