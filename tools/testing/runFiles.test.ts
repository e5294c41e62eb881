import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryFolder } from './folder.ts';
import { type FileResult, type FilesRun, runTestFile, runTestFiles } from './runFiles.ts';

/** Runs `source` as a test file. */
async function runSource(source: string, change: Partial<FilesRun> = {}): Promise<FileResult> {
  await using folder = await createTemporaryFolder();
  const file = 'fixture.test.ts';
  await writeFile(join(folder.path, file), `import { test } from 'node:test';\n${source}`);
  return await runTestFile({
    file,
    root: folder.path,
    scratch: folder.path,
    timeoutMs: 20_000,
    testTimeoutMs: 20_000,
    env: process.env,
    signal: new AbortController().signal,
    ...change,
  });
}

test('passes, failures and skips are counted, and the output contains the reason', async () => {
  const result = await runSource(`
    test('good', () => {});
    test('bad', () => { throw new Error('the reason'); });
    test('later', { skip: 'not here' }, () => {});`);
  assert.equal(result.passed, 1);
  assert.deepEqual(result.failed, ['bad']);
  assert.deepEqual(result.skipped, [{ name: 'later', reason: 'not here' }]);
  assert.match(result.output, /the reason/);
});

test('a file that cannot be loaded is a failure', async () => {
  const result = await runSource(`import './absent.ts';`);
  assert.deepEqual(result.failed, ['fixture.test.ts']);
  assert.match(result.output, /Cannot find module/);
});

test('a file without a test is a failure', async () => {
  assert.deepEqual((await runSource('')).failed, ['fixture.test.ts: contains no test']);
});

test('a process that ends in the middle is a failure', async () => {
  const { failed } = await runSource(
    `test('good', () => {}); test('ends', () => process.kill(process.pid, 'SIGKILL'));`,
  );
  assert.deepEqual(failed, ['fixture.test.ts: ended with signal SIGKILL']);
});

test('an error after the tests is a failure', async () => {
  const { failed } = await runSource(`test('good', () => {}); setTimeout(() => { throw new Error('late'); }, 300);`);
  assert.equal(failed.length, 1, failed.join());
});

test('a test that hangs fails by its name', async () => {
  const { failed } = await runSource(`test('hangs', () => new Promise(() => { setInterval(() => {}, 1000); }));`, {
    testTimeoutMs: 300,
    timeoutMs: 1_500,
  });
  assert.equal(failed[0], 'hangs');
});

test('a file that does not end is stopped with its child processes, and the running test is named', async () => {
  const startedAt = performance.now();
  const { failed } = await runSource(
    `import { spawn } from 'node:child_process';
     test('waits forever', async () => { spawn('sleep', ['60'], { stdio: 'inherit' }); await new Promise(() => {}); });`,
    { timeoutMs: 1_000 },
  );
  assert.deepEqual(failed, ['fixture.test.ts: no end after 1 s (running: waits forever)']);
  assert.ok(performance.now() - startedAt < 10_000);
});

test('an interrupt stops the file', async () => {
  const interrupt = new AbortController();
  setTimeout(() => interrupt.abort(), 500);
  const { failed } = await runSource(`test('waits', () => new Promise(() => {}));`, { signal: interrupt.signal });
  assert.match(failed[0] ?? '', /^fixture\.test\.ts: interrupted/);
});

test('hooks of a file do not apply to other files in the process, and a file that cannot be loaded affects no other', async () => {
  await using folder = await createTemporaryFolder();
  const sources = {
    'hooks.test.ts': `beforeEach(() => { throw new Error('not for others'); }); test('hooked', () => {});`,
    'broken.test.ts': `import './absent.ts';`,
    'good.test.ts': `test('first', () => {}); test('second', () => {});`,
  };
  for (const [file, source] of Object.entries(sources)) {
    await writeFile(join(folder.path, file), `import { beforeEach, test } from 'node:test';\n${source}`);
  }
  const { results, problem } = await runTestFiles({
    files: Object.keys(sources),
    root: folder.path,
    scratch: folder.path,
    timeoutMs: 20_000,
    testTimeoutMs: 20_000,
    env: process.env,
    signal: new AbortController().signal,
  });
  assert.equal(problem, undefined);
  assert.deepEqual(
    results.map(({ file, passed, failed }) => ({ file, passed, failed })),
    [
      { file: 'hooks.test.ts', passed: 0, failed: ['hooked'] },
      { file: 'broken.test.ts', passed: 0, failed: ['broken.test.ts'] },
      { file: 'good.test.ts', passed: 2, failed: [] },
    ],
  );
});
