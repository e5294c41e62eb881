import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readSecretFile, SecretFileError } from './secretFile.ts';
import { untilFilesChange } from './secretWatch.ts';

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

test('a change, an appearance and a disappearance are noticed; rewriting the same text is not', async () => {
  const path = join(dir, 'watched');
  const never = new AbortController();
  const changed = () => untilFilesChange([path], never.signal, 5);
  let watching = changed();
  await writeFile(path, 'one');
  await watching;
  watching = changed();
  await writeFile(path, 'one');
  const raced = await Promise.race([
    watching.then(() => 'changed'),
    new Promise((resolve) => setTimeout(resolve, 50, 'same')),
  ]);
  assert.equal(raced, 'same');
  await writeFile(path, 'two');
  await watching;
  watching = changed();
  await rm(path);
  await watching;
});

test('watching ends when its signal aborts', async () => {
  const stopping = new AbortController();
  const watching = untilFilesChange([join(dir, 'nothing')], stopping.signal);
  stopping.abort();
  await watching;
});
