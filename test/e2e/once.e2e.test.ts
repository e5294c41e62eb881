import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { buildRows, sumRows, toCsv } from './rows.ts';
import { endAll, npmStart } from './system.ts';

/** `npm start --silent -- --once -o json`: one document on standard output, whatever happens. */

let folder: TemporaryFolder;
before(async () => {
  folder = await createTemporaryFolder();
});
after(async () => {
  await endAll();
  await folder?.[Symbol.asyncDispose]();
});

const documentSchema = z.strictObject({
  totals: z.array(z.strictObject({ series: z.string(), total: z.string(), count: z.string() })),
  proof: z.object({
    exact: z.boolean(),
    reason: z.string(),
    message: z.string(),
    partitions: z.array(z.object({ applied: z.string() })),
    at: z.iso.datetime(),
  }),
  error: z.string().optional(),
});

async function once(input: string) {
  const start = npmStart({ state: folder.path, silent: true, args: ['--once', '--input', input, '-o', 'json'] });
  const code = await start.exited;
  return { code, stderr: start.stderr(), document: documentSchema.parse(JSON.parse(start.stdout())) };
}

test('a file with bad rows: everything else is counted, and the document says so with exit code 1', async () => {
  const rows = buildRows(500);
  const file = join(folder.path, 'rows.csv');
  await writeFile(file, `${toCsv(rows)}orders,1e3,2\norders,1\n`);
  const { code, stderr, document } = await once(file);
  assert.equal(code, 1, stderr);
  assert.equal(document.error, '2 of 502 rows of the input were rejected');
  const expected = [...sumRows(rows)].map(([series, { total, count }]) => ({ series, total, count }));
  assert.deepEqual(
    document.totals,
    expected.toSorted((one, other) => Buffer.compare(Buffer.from(one.series), Buffer.from(other.series))),
  );
  assert.equal(document.proof.exact, true);
  assert.equal(
    document.proof.partitions.reduce((sum, { applied }) => sum + Number(applied), 0),
    500,
  );
  assert.match(stderr, /^ +502 +invalid-field +a must be a decimal such as "12".*\n +503 +bad-row +has 2 columns/m);
});

test('a file that is not there: a document all the same, before anything is started, and the file is named', async () => {
  const startedAt = performance.now();
  const { code, stderr, document } = await once('/nowhere/rows.csv');
  assert.equal(code, 2, stderr); // the command line is wrong
  assert.deepEqual(document.totals, []);
  assert.equal(document.proof.exact, false);
  assert.equal(document.error, '--input must be a file, and /nowhere/rows.csv is none');
  assert.ok(performance.now() - startedAt < 10_000);
});
