import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { mutants } from './mutants.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
/**
 * Timeout of each test, in milliseconds. A mutant that hangs counts as detected. Without a mutant the tests end well
 * before.
 */
const testTimeoutMs = 60_000;

/**
 * Number of mutants that run at the same time. Tests mostly wait for servers: on two cores, two at a time take 60 %
 * of the time of one after the other.
 */
const concurrency = 2;
/** One copy of the tree for each mutant that runs, because a mutant changes the tree. */
const copies: TemporaryFolder[] = [];
const free: string[] = [];

before(async () => {
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const files = stdout.split('\0').filter((name) => name !== '');
  for (let made = 0; made < concurrency; made += 1) {
    const copy = await createTemporaryFolder();
    copies.push(copy);
    for (const file of files) {
      await mkdir(dirname(join(copy.path, file)), { recursive: true });
      await cp(join(root, file), join(copy.path, file)).catch((error: NodeJS.ErrnoException) => {
        // Ignore a file that git lists but that is deleted in the work tree.
        if (error.code !== 'ENOENT') throw error;
      });
    }
    await symlink(join(root, 'node_modules'), join(copy.path, 'node_modules'));
    free.push(copy.path);
  }
});

after(async () => {
  for (const copy of copies) await copy[Symbol.asyncDispose]();
});

/** Lends a copy that no other test changes meanwhile. */
async function inCopy(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = free.pop();
  assert(folder !== undefined, 'no free copy: there must be one copy for each test that runs at the same time');
  try {
    await work(folder);
  } finally {
    free.push(folder);
  }
}

/**
 * The tests must first pass without a mutant. Otherwise a file that is missing in the copy would make every mutant
 * look detected.
 */
describe('without a mutant', { concurrency }, () => {
  for (const [file, some] of Map.groupBy(mutants, ({ test }) => test.file)) {
    test(`the tests of ${file} that find them are green in the copy`, () =>
      inCopy(async (folder) => {
        const names = [...new Set(some.map(({ test }) => test.name))];
        const output = await runTests(folder, file, names);
        const green = output.split('\n').filter((line) => line.includes('✔ '));
        // If a pattern matches no test, only the file itself runs, which node counts as one passed test.
        const missing = names.filter((name) => !green.some((line) => line.includes(name)));
        assert.deepEqual(missing, [], `no test has such a name, or it is not green:\n${output}`);
        assert.match(output, /ℹ fail 0/, `they must be green:\n${output}`);
      }));
  }
});

describe('the tests go red when the code breaks the promise that', { concurrency }, () => {
  for (const mutant of mutants) {
    test(mutant.breaks, () =>
      inCopy(async (folder) => {
        const path = join(folder, mutant.file);
        const original = await readFile(path, 'utf8');
        assert.equal(original.split(mutant.from).length, 2, `the mutant must fit ${mutant.file} in exactly one place`);
        await writeFile(
          path,
          original.replace(mutant.from, () => mutant.to),
        );
        try {
          const output = await runTests(folder, mutant.test.file, [mutant.test.name]);
          assert.match(output, /ℹ fail [1-9]/, `the test stayed green:\n${output}`);
        } finally {
          await writeFile(path, original);
        }
      }),
    );
  }
});

/** Runs the tests of one file whose names contain one of `names`. Returns their output, with any exit code. */
async function runTests(folder: string, file: string, names: readonly string[]): Promise<string> {
  const patterns = names.map((name) => `--test-name-pattern=${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
  const args = ['--no-warnings', '--test', '--test-reporter=spec', ...patterns, file];
  // A test that is run by a test would report to its parent instead of printing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  try {
    const { stdout } = await run(process.execPath, args, {
      cwd: folder,
      env,
      timeout: testTimeoutMs * names.length,
    });
    return stdout;
  } catch (error) {
    if (error instanceof Error && 'killed' in error && error.killed === true) return 'ℹ fail 1 (timed out)';
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  }
}
