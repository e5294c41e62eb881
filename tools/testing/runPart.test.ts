import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTemporaryFolder } from './folder.ts';
import { longestFirst, runPart, splitEvenly } from './runPart.ts';
import type { PartResult } from './summary.ts';

test('groups are as equal in size as possible and keep neighbours together', () => {
  assert.deepEqual(splitEvenly([1, 2, 3, 4, 5, 6, 7], 3), [
    [1, 2],
    [3, 4, 5],
    [6, 7],
  ]);
  assert.deepEqual(splitEvenly([1, 2], 12), [[1, 2]]);
  assert.deepEqual(splitEvenly([], 12), []);
});

test('the file that takes longest starts first', () => {
  const files = ['a.test.ts', 'test/mutants/m.test.ts', 'z.test.ts'];
  assert.deepEqual(longestFirst(files), ['test/mutants/m.test.ts', 'a.test.ts', 'z.test.ts']);
});

/** Runs these sources as unit tests in one process. */
async function runSources(
  sources: Readonly<Record<string, string>>,
  allowedSkips?: string,
): Promise<{ result: PartResult; printed: string }> {
  await using folder = await createTemporaryFolder();
  for (const [file, source] of Object.entries(sources)) {
    await writeFile(join(folder.path, file), `import { test } from 'node:test';\n${source}`);
  }
  const printed: string[] = [];
  const result = await runPart({
    part: 'unit',
    files: Object.keys(sources),
    root: folder.path,
    scratch: folder.path,
    env: process.env,
    signal: new AbortController().signal,
    allowedSkips,
    print: (text) => void printed.push(text),
  });
  return { result, printed: printed.join('\n') };
}

const good = `test('good', () => {});`;

test('good files are one line each', async () => {
  const { result, printed } = await runSources({ 'a.test.ts': good, 'b.test.ts': good });
  assert.deepEqual([result.passed, result.failed], [2, []]);
  assert.match(printed, /^a\.test\.ts: 1 passed in [\d.]+ s\nb\.test\.ts: 1 passed in [\d.]+ s$/);
});

test('a failed file is shown with its own output, not with that of its neighbours', async () => {
  const { result, printed } = await runSources({
    'a.test.ts': `test('bad', () => { throw new Error('the reason'); });`,
    'b.test.ts': `test('chatty', () => console.log('noise'));`,
  });
  assert.deepEqual([result.passed, result.failed], [1, ['bad']]);
  assert.match(printed, /the reason/);
  assert.doesNotMatch(printed, /noise/);
});

test('a file that ends the process does not affect its neighbours', async () => {
  const { result } = await runSources({
    'a.test.ts': good,
    'b.test.ts': `test('ends', () => process.kill(process.pid, 'SIGKILL'));`,
    'c.test.ts': good,
  });
  assert.deepEqual([result.passed, result.failed], [2, ['b.test.ts: ended with signal SIGKILL']]);
});

test('a test that fails only beside others is reported as such a failure', async () => {
  const { result } = await runSources({
    'a.test.ts': `globalThis.dirty = true; ${good}`,
    'b.test.ts': `test('wants a clean process', () => { if (globalThis.dirty) throw new Error('dirty'); });`,
  });
  assert.deepEqual(result.failed, ['wants a clean process (passes alone: flaky, or not independent of other files)']);
});

test('a skip that is not on the list of allowed skips is a failure', async () => {
  const sources = { 'a.test.ts': `${good} test('later', { skip: 'no root' }, () => {});` };
  assert.deepEqual((await runSources(sources)).result.skipped, [{ name: 'later', reason: 'no root' }]);
  assert.deepEqual((await runSources(sources, 'later')).result.failed, []);
  const { result } = await runSources(sources, '');
  assert.deepEqual(result.skipped, []);
  assert.match(result.failed[0] ?? '', /^later \(was skipped; SUMPIPELINE_ALLOWED_SKIPS/);
});
