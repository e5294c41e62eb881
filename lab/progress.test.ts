import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createProgress, formatElapsed, readLogTail } from './progress.ts';

/** Makes a stream that records its text, and a clock that the test moves. */
function createRecorder({ isTTY = false } = {}) {
  let text = '';
  let time = 0;
  return {
    stream: { isTTY, columns: 60, write: (chunk: string) => (text += chunk) },
    now: () => time,
    advance: (ms: number) => (time += ms),
    read: () => text,
  };
}

test('a quick step is one line with its elapsed time', async () => {
  const recorder = createRecorder();
  const result = await createProgress(recorder).step('Start Kafka', async () => {
    recorder.advance(2400);
    return 'the result';
  });
  assert.equal(result, 'the result');
  assert.equal(recorder.read(), 'ok     Start Kafka (2.4 s)\n');
});

test('without a terminal a slow step prints that it runs, and prints its updates only now and then', async () => {
  const recorder = createRecorder();
  const progress = createProgress({ ...recorder, quietMs: 0, updateMs: 30_000 });
  await progress.step('Build', async (step) => {
    await new Promise((resolve) => setTimeout(resolve, 5)); // lets the quiet time (0 ms) run out
    for (let i = 1; i <= 60; i++) {
      recorder.advance(1000);
      step.update(`${i} packages`);
    }
  });
  assert.deepEqual(recorder.read().split('\n'), [
    '...    Build',
    '...    Build: 30 packages (30.0 s)',
    '...    Build: 60 packages (1 min 0 s)',
    'ok     Build (1 min 0 s)',
    '',
  ]);
});

test('a failed step shows the end of its log file and passes the error on', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'progress-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const log = join(dir, 'x.log');
  writeFileSync(log, Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(''));
  const recorder = createRecorder();
  const failing = createProgress(recorder).step('Start', () => Promise.reject(new Error('it broke')), { log });
  await assert.rejects(failing, /it broke/);
  assert.match(
    recorder.read(),
    /^failed Start \(0\.0 s\)\n {7}the end of .*x\.log:\n {9}line 80\n[\s\S]* {9}line 99\n$/,
  );
  assert.doesNotMatch(recorder.read(), /line 79|it broke/);
});

test('on a terminal the live line names the running steps and is replaced by lines that stay', async () => {
  const recorder = createRecorder({ isTTY: true });
  const progress = createProgress(recorder);
  await progress.step('outer', async () => {
    await progress.step('inner', async (step) => {
      step.update('a detail that is much too long for the sixty columns of this terminal');
      progress.note('something that stays');
    });
  });
  const lines = recorder.read().split('\n');
  assert.equal(lines.length, 4);
  assert.match(lines[0] ?? '', /\.\.\. outer 0\.0 s \| inner 0\.0 s/);
  assert.ok((lines[1] ?? '').includes('...'));
  for (const drawn of recorder.read().split('\r\x1b[2K')) assert.ok(drawn.trimEnd().length < 60, drawn);
  assert.match(recorder.read(), /ok {5}outer \(0\.0 s\)\n$/);
});

test('a missing log file is reported, not thrown, because another error is being reported', () => {
  assert.match(readLogTail('/nowhere/x.log'), /no log: ENOENT/);
});

test('elapsed time is easy to read', () => {
  const table = { 0: '0.0 s', 4240: '4.2 s', 59949: '59.9 s', 59960: '1 min 0 s', 477102: '7 min 57 s' };
  for (const [ms, text] of Object.entries(table)) assert.equal(formatElapsed(Number(ms)), text);
});
