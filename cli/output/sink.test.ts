import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { acknowledge, startScriptedService } from '#cli/testing/fakeService.ts';

const root = join(import.meta.dirname, '../..');

/** Runs sumctl in a shell, with its streams redirected by the shell. */
function shell(command: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, SUMCTL: `${process.execPath} ${join(root, 'cli/sumctl.ts')}` };
    const child = execFile('bash', ['-o', 'pipefail', '-c', command], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

const id = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';
const receipt = new RegExp(`^error: the addition ${id} is acknowledged at 3:17, but standard output cannot be written`);

for (const output of ['table', 'json']) {
  test(`add -o ${output} onto a full disk exits with 5 and prints id and position on standard error`, async () => {
    await using fake = await startScriptedService([
      { call: 'POST /v1/additions', answer: (call) => acknowledge(call, { partition: 3, offset: 17 }) },
    ]);
    const ran = await shell(`$SUMCTL add 1 2 --id ${id} -o ${output} --calculator-url ${fake.url} > /dev/full`);
    assert.match(ran.stderr, receipt);
    assert.equal(ran.stderr.trim().split('\n').length, 1, ran.stderr);
    assert.match(ran.stderr, /ENOSPC/);
    assert.equal(ran.code, 5);
  });
}

test('add into a closed pipe also exits with 5 and prints id and position, because a receipt must not be lost', async () => {
  await using fake = await startScriptedService([
    { call: 'POST /v1/additions', answer: (call) => acknowledge(call, { partition: 3, offset: 17 }) },
  ]);
  // The reader closes its end before anything is written: sumctl starts after it has exited.
  const ran = await shell(
    `mkfifo "$TMPDIR/pipe-$$"; (exec < "$TMPDIR/pipe-$$") & ` +
      `{ wait; $SUMCTL add 1 2 --id ${id} --calculator-url ${fake.url}; } > "$TMPDIR/pipe-$$"; code=$?; rm "$TMPDIR/pipe-$$"; exit $code`,
  );
  assert.match(ran.stderr, receipt);
  assert.equal(ran.code, 5);
});

test('a command that only reads reports the full disk, and exits with 5', async () => {
  const ran = await shell('$SUMCTL --help > /dev/full');
  assert.equal(ran.stderr, 'error: standard output cannot be written (ENOSPC)\n');
  assert.equal(ran.code, 5);
});

test('a command that only reads exits with 0 when the reader closes its pipe', async () => {
  const ran = await shell('$SUMCTL --help | true');
  assert.deepEqual(ran, { code: 0, stdout: '', stderr: '' });
});

test('a standard error on a full disk is not a failure', async () => {
  await using fake = await startScriptedService([
    { call: 'POST /v1/additions', answer: { status: 503, text: 'busy' } },
    { call: 'POST /v1/additions', answer: (call) => acknowledge(call, { partition: 0, offset: 1 }) },
  ]);
  const ran = await shell(`$SUMCTL add 1 2 --calculator-url ${fake.url} 2> /dev/full`);
  assert.match(ran.stdout, /Position: +0:1/);
  assert.equal(ran.code, 0);
});
