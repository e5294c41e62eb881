import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect } from '#cli/testing/collect.ts';
import { readLines } from './lines.ts';
import { type Row, type RowFormat, readRows } from './rows.ts';

async function rowsOf(text: string, format: RowFormat = 'csv'): Promise<Row[]> {
  const chunks = (async function* () {
    yield Buffer.from(text);
  })();
  return await collect(readRows(readLines(chunks), format));
}

const brief = (rows: Row[]) =>
  rows.map((row) =>
    row.kind === 'addition'
      ? `${row.line}/${row.row} ${row.series}|${row.a}|${row.b}`
      : `${row.line}/${row.row} ! ${row.problem}`,
  );

test('a header does not count as a row, in any order and case', async () => {
  assert.deepEqual(brief(await rowsOf('series,a,b\nx,1,2\n')), ['2/1 x|1|2']);
  assert.deepEqual(brief(await rowsOf('B,Series,A\n2,x,1\n')), ['2/1 x|1|2']);
});

test('without a header the columns are series, a, b', async () => {
  assert.deepEqual(brief(await rowsOf('x,1,2\ny,3,4')), ['1/1 x|1|2', '2/2 y|3|4']);
});

test('a header or blank lines do not change the numbers of the rows, so the ids stay', async () => {
  const numbersOf = async (text: string) => (await rowsOf(text)).map(({ row }) => row);
  assert.deepEqual(await numbersOf('x,1,2\ny,3,4'), await numbersOf('series,a,b\n\n\r\nx,1,2\n   \ny,3,4\n\n'));
});

test('a header with other columns ends the import before anything is sent', async () => {
  await assert.rejects(rowsOf('name,a,b\nx,1,2'), /the header names name, a, b, but the columns must be series, a, b/);
  await assert.rejects(rowsOf('series,a,b,note\nx,1,2,n'), /the header names series, a, b, note/);
});

test('a bad row is reported with its line and row, and the rows after it are read', async () => {
  const text = 'x,1,2\nx,1\n"x,1,2\nx;1;2\nx,1,2,3\ny,3,4\n';
  assert.deepEqual(brief(await rowsOf(text)), [
    '1/1 x|1|2',
    '2/2 ! has 2 columns; a row is series,a,b',
    '3/3 ! a quote is not closed on this line',
    '4/4 ! has 1 column; a row is series,a,b, separated by commas (this one looks separated by ;)',
    '5/5 ! has 4 columns; a row is series,a,b',
    '6/6 y|3|4',
  ]);
});

test('an unclosed quote in the first row is a bad row, not a header', async () => {
  assert.deepEqual(brief(await rowsOf('"x,1,2\ny,3,4')), ['1/1 ! a quote is not closed on this line', '2/2 y|3|4']);
});

test('NDJSON rows may be mixed with bad ones', async () => {
  const text = '{"series":"x","a":"1","b":"2"}\nnonsense\n\n{"a":3,"b":4}';
  const rows = brief(await rowsOf(text, 'ndjson'));
  assert.equal(rows.length, 3);
  assert.equal(rows[0], '1/1 x|1|2');
  assert.match(rows[1] ?? '', /^2\/2 ! is not JSON/);
  assert.equal(rows[2], '4/3 |3|4');
});

test('an empty file has no rows', async () => {
  assert.deepEqual(await rowsOf(''), []);
  assert.deepEqual(await rowsOf('series,a,b\n'), []);
  assert.deepEqual(await rowsOf('\uFEFF\n\n', 'ndjson'), []);
});
