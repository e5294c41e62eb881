import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readSecretFile, SecretFileError } from './secretFile.ts';
import { untilFilesChange } from './secretWatch.ts';
import { pause } from './time.ts';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'secret-'));
});
after(() => rm(dir, { recursive: true }));

const fileAt = (path: string) => ({ what: 'Kafka password', path, source: 'Secret orders-kafka, key password' });

test('one newline at the end is not part of a secret, everything else is', async () => {
  const path = join(dir, 'password');
  for (const [written, read] of [
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    [' hunter2 ', ' hunter2 '],
    ['a\n\n', 'a\n'],
  ] as const) {
    await writeFile(path, written);
    assert.equal(await readSecretFile(fileAt(path)), read);
  }
});

test('a missing or empty secret names its Secret, not its path', async () => {
  const empty = join(dir, 'empty');
  await writeFile(empty, '\n');
  for (const path of [empty, join(dir, 'absent')]) {
    await assert.rejects(readSecretFile(fileAt(path)), (error: unknown) => {
      assert.ok(error instanceof SecretFileError);
      assert.equal(error.message, 'Kafka password: Secret orders-kafka, key password is missing or empty');
      return true;
    });
  }
});

/** Replaces a file in one step, as a kubelet does: no reader sees half of the content. */
async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

/** Repeats the steps until the watch notices a change. The watch may begin after the first steps are done. */
async function stepUntilNoticed(path: string, steps: readonly (() => Promise<void>)[]): Promise<void> {
  let isNoticed = false;
  const watching = untilFilesChange([path], AbortSignal.timeout(20_000), 5).then(() => {
    isNoticed = true;
  });
  for (let count = 0; !isNoticed; count++) {
    await steps[count % steps.length]?.();
    await pause(10);
  }
  await watching;
}

test('a change, an appearance and a disappearance are noticed', async () => {
  const path = join(dir, 'watched');
  await stepUntilNoticed(path, [() => replace(path, 'one'), () => replace(path, 'two')]);
  await stepUntilNoticed(path, [() => replace(path, 'one'), () => rm(path)]);
});

test('the same text in another file is no change', async () => {
  const path = join(dir, 'same');
  await replace(path, 'one');
  const stopping = new AbortController();
  let isOver = false;
  const watching = untilFilesChange([path], stopping.signal, 1).then(() => {
    isOver = true;
  });
  for (let count = 0; count < 20; count++) {
    await replace(path, 'one');
    await pause(2);
  }
  assert.equal(isOver, false);
  stopping.abort();
  await watching;
});

test('watching ends when its signal aborts', async () => {
  const stopping = new AbortController();
  const watching = untilFilesChange([join(dir, 'nothing')], stopping.signal);
  stopping.abort();
  await watching;
});
