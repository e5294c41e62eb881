import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type AdditionRow, buildRows, sumRows, toCsv } from './rows.ts';
import { endAll, npmStart } from './system.ts';

/**
 * Tests of `npm start --silent -- --once`, which prints totals and proof. With -o json it always prints one document.
 */

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

/** Reads the rows of the shipped sample, without the parser of the system. The sample has no quotes. */
async function readSampleRows(): Promise<AdditionRow[]> {
  const text = await readFile(join(import.meta.dirname, '..', '..', 'manifests', 'samples', 'additions.csv'), 'utf8');
  const [header, ...lines] = text.trimEnd().split('\n');
  assert.equal(header, 'series,a,b');
  return lines.map((line) => {
    const [series = '', a = '', b = ''] = line.split(',');
    return { series, a, b };
  });
}

function byBytes(one: { series: string }, other: { series: string }): number {
  return Buffer.compare(Buffer.from(one.series), Buffer.from(other.series));
}

function expectedTotals(rows: readonly AdditionRow[]) {
  const totals = [...sumRows(rows)].map(([series, { total, count }]) => ({ series, total, count }));
  return totals.toSorted(byBytes);
}

test('--once alone prints totals and proof, everything else goes to standard error, and the exit code is 0', async () => {
  const rows = await readSampleRows();
  const start = npmStart({ state: folder.path, silent: true, args: ['--once'] });
  const code = await start.exited;
  const said = start.stderr();
  assert.equal(code, 0, said);
  const [totals = '', verdict = '', law = '', ...more] = start.stdout().split('\n\n');
  assert.deepEqual(more, [], start.stdout());
  const [heading, ...lines] = totals.split('\n');
  assert.match(heading ?? '', /^SERIES +TOTAL +ADDITIONS$/);
  const printed = lines.map((line) => {
    const [, series, total, count] = /^(.*?) +(\S+) +(\d+)$/.exec(line) ?? [];
    return { series, total, count };
  });
  assert.deepEqual(printed, expectedTotals(rows));
  const message = `${rows.length} additions are counted once; the conservation law holds on 6 partitions`;
  assert.match(verdict, new RegExp(`^Exact: +yes\\nMessage: +${message}\\nAt: +\\S+Z$`));
  const [columns, ...partitions] = law.trimEnd().split('\n');
  assert.match(columns ?? '', /^PARTITION +OFFSETS +APPLIED .* LAW +LAG$/);
  const applied = partitions.map((line) => Number(line.trim().split(/ +/)[2]));
  assert.equal(applied.length, 6);
  assert.equal(
    applied.reduce((sum, count) => sum + count, 0),
    rows.length,
  );
  assert.match(said, /^Accepted: +200$/m); // the summary of the import is not a result
  assert.match(said, /^ok +Read totals and proof \(/m);
  assert.match(said, /Everything is taken down\.\n$/);
});

async function once(input: string) {
  const start = npmStart({ state: folder.path, silent: true, args: ['--once', '--input', input, '-o', 'json'] });
  const code = await start.exited;
  return { code, stderr: start.stderr(), document: documentSchema.parse(JSON.parse(start.stdout())) };
}

test('with bad rows in the file, all other rows are counted, and the document says so with exit code 1', async () => {
  const rows = buildRows(500);
  const file = join(folder.path, 'rows.csv');
  await writeFile(file, `${toCsv(rows)}orders,1e3,2\norders,1\n`);
  const { code, stderr, document } = await once(file);
  assert.equal(code, 1, stderr);
  assert.equal(document.error, '2 of 502 rows of the input were rejected');
  assert.deepEqual(document.totals, expectedTotals(rows));
  assert.equal(document.proof.exact, true);
  assert.equal(
    document.proof.partitions.reduce((sum, { applied }) => sum + Number(applied), 0),
    500,
  );
  assert.match(stderr, /^ +502 +invalid-field +a must be a decimal such as "12".*\n +503 +bad-row +has 2 columns/m);
});

test('for a missing file a document that names the file is printed, before anything is started', async () => {
  const startedAt = performance.now();
  const { code, stderr, document } = await once('/nowhere/rows.csv');
  assert.equal(code, 1, stderr); // --once passes or fails, for any reason
  assert.deepEqual(document.totals, []);
  assert.equal(document.proof.exact, false);
  assert.equal(document.error, '--input must be a file, but /nowhere/rows.csv is not a file');
  assert.ok(performance.now() - startedAt < 10_000);
});
