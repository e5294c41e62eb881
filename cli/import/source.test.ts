import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { collect } from '#cli/testing/collect.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { openSource } from './source.ts';

const stdin = Readable.from([]);
const rows = 'x,1,2\n';

test('a file that changes during an import under the id of its content is reported, with the id to continue with', async () => {
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const path = folder.file('x.csv');
  const source = await openSource({ path, stdin, importId: undefined, format: undefined });
  await appendFile(path, 'x,3,4\n');
  await assert.rejects(collect(source.chunks), (error: unknown) => {
    assert.ok(error instanceof Error && 'hint' in error);
    assert.match(error.message, /x\.csv was changed during the import/);
    assert.match(String(error.hint), new RegExp(`--import-id ${source.importId}`));
    return true;
  });
});

test('a file with its own import id may grow, because the id does not depend on the content', async () => {
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const path = folder.file('x.csv');
  const source = await openSource({ path, stdin, importId: 'june', format: undefined });
  await appendFile(path, 'x,3,4\n');
  assert.equal(Buffer.concat(await collect(source.chunks)).toString(), `${rows}x,3,4\n`);
  assert.equal(source.progress(), 12);
});
