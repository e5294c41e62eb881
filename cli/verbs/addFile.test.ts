import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { importRequestId } from '#cli/import/requestId.ts';
import { runSumctl } from '#cli/testing/context.ts';
import { startFakeApiServer } from '#cli/testing/fakeApiServer.ts';
import { acknowledge, problem, type SeenCall, startFakeService } from '#cli/testing/fakeService.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';

type Body = { requestId: string; series: string; a: string; b: string };
const bodyOf = (call: SeenCall) => call.body as Body;

/** Starts a fake calculator, which remembers ids as the real one does. */
async function startCalculator(options: { failures?: number } = {}) {
  const known = new Map<string, { body: Body; offset: number }>();
  let failures = options.failures ?? 0;
  const fake = await startFakeService((call) => {
    if (failures-- > 0) return problem('outcome-unknown', 'not now');
    const body = bodyOf(call);
    const earlier = known.get(body.requestId);
    if (earlier !== undefined) {
      const isSame = earlier.body.a === body.a && earlier.body.b === body.b && earlier.body.series === body.series;
      if (!isSame) return problem('id-conflict', 'other operands were acknowledged here');
      return acknowledge(call, { partition: 0, offset: earlier.offset }, true);
    }
    known.set(body.requestId, { body, offset: known.size });
    return acknowledge(call, { partition: 0, offset: known.size - 1 });
  });
  return { ...fake, known };
}

test('every row is sent once, and the summary says so', async () => {
  await using calculator = await startCalculator();
  await using folder = await createTemporaryFolder({ 'x.csv': 'series,a,b\norders,1,2\n,3,4\n"a,b",5,6\n' });
  const ran = await runSumctl([
    'add',
    '--file',
    folder.file('x.csv'),
    '--calculator-url',
    calculator.url,
    '-o',
    'json',
  ]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const content = createHash('sha256')
    .update(await readFile(folder.file('x.csv')))
    .digest('hex');
  const { elapsedSeconds, ...summary } = JSON.parse(ran.stdout);
  assert.equal(typeof elapsedSeconds, 'number');
  assert.deepEqual(summary, {
    importId: `sha256:${content}`,
    rows: 3,
    accepted: 3,
    replayed: 0,
    rejected: 0,
    unanswered: 0,
    retries: 0,
    vector: '0:2',
    rejections: [],
  });
  const sent = calculator.calls.map(bodyOf).map(({ requestId: _, ...row }) => row);
  assert.deepEqual(
    sent.sort((x, y) => Number(x.a) - Number(y.a)),
    [
      { series: 'orders', a: '1', b: '2' },
      { series: 'default', a: '3', b: '4' },
      { series: 'a,b', a: '5', b: '6' },
    ],
  );
  assert.ok(ran.stderr.startsWith(`import id: sha256:${content}\n`), 'the id comes first');
});

test('importing the same file twice sends the same ids and adds nothing new', async () => {
  await using calculator = await startCalculator();
  await using folder = await createTemporaryFolder({ 'x.csv': 'x,1,2\nx,3,4\n' });
  const args = ['add', '--file', folder.file('x.csv'), '--calculator-url', calculator.url, '-o', 'json'];
  await runSumctl(args);
  const again = JSON.parse((await runSumctl(args)).stdout);
  assert.equal(calculator.known.size, 2);
  assert.deepEqual([again.accepted, again.replayed], [0, 2]);
});

test('standard input and a file with the same import id are one import', async () => {
  await using calculator = await startCalculator();
  const rows = 'x,1,2\nx,3,4\n';
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const rest = ['--import-id', 'june', '--calculator-url', calculator.url];
  await runSumctl(['add', '--file', folder.file('x.csv'), ...rest]);
  const ran = await runSumctl(['add', '--file', '-', ...rest], { stdin: rows });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.deepEqual(
    [...calculator.known.keys()].sort(),
    [importRequestId('june', 1), importRequestId('june', 2)].sort(),
  );
});

test('standard input may come in small chunks; its first character decides the format', async () => {
  await using calculator = await startCalculator();
  const pieces = ['\n ', '\n{"a"', ':1,"b":"2"}\n', '{"a":3,"b":4}'].map((text) => Buffer.from(text));
  const args = ['add', '--file', '-', '--import-id', 'x', '--calculator-url', calculator.url];
  const ran = await runSumctl(args, { stdin: pieces });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(calculator.known.size, 2);
});

test('bad rows are listed with their lines, the other rows are added, and the exit code is 1', async () => {
  await using calculator = await startCalculator();
  const rows = [
    'series,a,b',
    'x,1,2',
    'x,NaN,2',
    'x,1e3,2',
    `x,${'9'.repeat(39)},1`,
    '"open,1,2',
    'x,1',
    'bad\0series,1,2',
    `${'s'.repeat(201)},1,2`,
    'x,3,4',
  ].join('\r\n');
  const bytes = Buffer.concat([Buffer.from(rows), Buffer.from('\r\nx\xff,1,2\r\n', 'latin1')]);
  await using folder = await createTemporaryFolder({ 'x.csv': bytes });
  const rejects = folder.file('rejects.csv');
  const args = ['add', '--file', folder.file('x.csv'), '--rejects', rejects, '--calculator-url', calculator.url];
  const ran = await runSumctl(args);
  assert.equal(ran.exitCode, 1);
  assert.equal(calculator.known.size, 2);
  assert.match(ran.stdout, /^Rejected: +8$/m);
  assert.match(ran.stdout, /^ +3 +invalid-field +a must be a decimal/m);
  assert.match(ran.stdout, /^ +6 +bad-row +a quote is not closed on this line$/m);
  assert.match(ran.stdout, /^ +11 +bad-row +is not valid UTF-8$/m);
  assert.match(ran.stderr, /8 of 10 rows were rejected; the others were added/);
  const written = await readFile(rejects, 'utf8');
  assert.equal(written.trimEnd().split('\n').length, 9);
  assert.match(written, /^6,5,bad-row,a quote is not closed on this line,"""open,1,2"$/m);
});

test('many bad rows are counted, the first of them are listed, and memory stays bounded', async () => {
  await using calculator = await startCalculator();
  await using folder = await createTemporaryFolder({ 'x.csv': 'x,y,z\n'.repeat(5000) });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--calculator-url', calculator.url]);
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stdout, /^Rejected: +5000$/m);
  assert.match(ran.stdout, /^ +20 +invalid-field/m);
  assert.doesNotMatch(ran.stdout, /^ +21 +invalid-field/m);
  assert.match(ran.stdout, /and 4980 more: write them all to a file with --rejects FILE/);
});

test('a row of the same import with other operands is a conflict, listed with its line', async () => {
  await using calculator = await startCalculator();
  const rest = ['--import-id', 'june', '--calculator-url', calculator.url];
  await runSumctl(['add', '--file', '-', ...rest], { stdin: 'x,1,2\nx,3,4\n' });
  const ran = await runSumctl(['add', '--file', '-', ...rest], { stdin: 'x,1,2\nx,3,5\n' });
  assert.equal(ran.exitCode, 1);
  assert.match(ran.stdout, /^ +2 +id-conflict +other operands were acknowledged here$/m);
});

test('failures during an import are retried with the same ids: nothing is lost or added twice', async () => {
  await using calculator = await startCalculator({ failures: 40 });
  const rows = Array.from({ length: 300 }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const ran = await runSumctl([
    'add',
    '--file',
    folder.file('x.csv'),
    '--calculator-url',
    calculator.url,
    '-o',
    'json',
  ]);
  assert.equal(ran.exitCode, 0, ran.stderr);
  const summary = JSON.parse(ran.stdout);
  assert.deepEqual([summary.accepted, summary.retries, summary.unanswered], [300, 40, 0]);
  assert.equal(calculator.known.size, 300);
  assert.equal(ran.stderr.match(/^waiting: /gm)?.length, 1, 'forty failures at once are one line');
});

test('without responses the import stops, prints how far it came, and can be run again', async () => {
  await using calculator = await startFakeService((call) => {
    return bodyOf(call).a === '5'
      ? problem('outcome-unknown', 'Kafka is unavailable')
      : acknowledge(call, { partition: 0, offset: 1 });
  });
  const rows = Array.from({ length: 50_000 }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const args = ['add', '--file', folder.file('x.csv'), '--retry-for', '0s', '--concurrency', '4', '-o', 'json'];
  const ran = await runSumctl([...args, '--calculator-url', calculator.url]);
  assert.equal(ran.exitCode, 3);
  const summary = JSON.parse(ran.stdout);
  assert.ok(summary.rows < 100, `${summary.rows} rows were read`);
  assert.equal(summary.accepted + summary.unanswered, summary.rows);
  assert.match(ran.stderr, /does not respond: Kafka is unavailable\nRun the same command again/);
});

test('an import to a wrong address ends at the first response, not after every row', async () => {
  await using foreign = await startFakeService(() => ({ status: 404, text: 'not found' }));
  const rows = Array.from({ length: 50_000 }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--calculator-url', foreign.url]);
  assert.equal(ran.exitCode, 3);
  assert.ok(foreign.calls.length <= 1000, `${foreign.calls.length} calls`);
});

test('Ctrl-C ends the import with a summary of what is already durable', async () => {
  const interruption = new AbortController();
  let seen = 0;
  await using calculator = await startFakeService((call) => {
    seen += 1;
    if (seen === 100) interruption.abort(new Error('interrupted by SIGINT'));
    return acknowledge(call, { partition: 0, offset: seen });
  });
  const rows = Array.from({ length: 50_000 }, (_, row) => `x,${row},1\n`).join('');
  await using folder = await createTemporaryFolder({ 'x.csv': rows });
  const args = ['add', '--file', folder.file('x.csv'), '-o', 'json', '--calculator-url', calculator.url];
  const ran = await runSumctl(args, { signal: interruption.signal });
  assert.equal(ran.exitCode, 130);
  const summary = JSON.parse(ran.stdout);
  assert.ok(summary.accepted > 0 && summary.rows < 5000);
  assert.match(ran.stderr, /interrupted\n$/);
});

test('rows shifted under the same import id cause what the help warns of: conflicts, and the last row counts twice', async () => {
  await using calculator = await startCalculator();
  const rest = ['--import-id', 'june', '--calculator-url', calculator.url];
  await runSumctl(['add', '--file', '-', ...rest], { stdin: 'x,1,2\nx,3,4\n' });
  const ran = await runSumctl(['add', '--file', '-', ...rest], { stdin: 'x,9,9\nx,1,2\nx,3,4\n' });
  assert.equal(ran.exitCode, 1);
  const counted = [...calculator.known.values()].map(({ body }) => `${body.a},${body.b}`);
  assert.deepEqual(counted.sort(), ['1,2', '3,4', '3,4']);
  assert.match(ran.stderr, /^An id-conflict means that the row's id was used before, for other numbers, which count/m);
  const { stdout: help } = await runSumctl(['add', '--help']);
  assert.match(
    help.replace(/\s+/g, ' '),
    /Never insert, remove or reorder rows .* and the last rows are counted again/,
  );
});

test('the hint for rejected rows says to use another import id, because corrected rows have other numbers', async () => {
  await using calculator = await startCalculator();
  const url = ['--calculator-url', calculator.url];
  const add = (stdin: string, id: string) => runSumctl(['add', '--file', '-', '--import-id', id, ...url], { stdin });
  const ran = await add('x,1,2\nx,?,4\n', 'june');
  assert.match(
    ran.stderr,
    /\nCorrect the rejected rows and add them as a separate file, with another --import-id: under "june" its row 1 would\nhave the request id of row 1 of this file\.\n$/,
  );
  // Check what the hint says: with the same import id, the corrected row gets the request id of the file's first row.
  assert.match((await add('x,3,4\n', 'june')).stdout, /^ +1 +id-conflict/m);
  assert.equal((await add('x,3,4\n', 'june-corrected')).exitCode, 0);
});

test('without an import id the hint says to use a separate file, and not the whole file again', async () => {
  await using calculator = await startCalculator();
  await using folder = await createTemporaryFolder({ 'x.csv': 'x,1,2\nx,?,4\n' });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--calculator-url', calculator.url]);
  assert.match(
    ran.stderr,
    /\nCorrect the rejected rows and add them as a separate file\. The whole file, corrected, would be another import: its\nother rows would be counted again\.\n$/,
  );
});

for (const [what, args, message] of [
  ['standard input without an import id', ['--file', '-'], /standard input needs --import-id/],
  ['a file that does not exist', ['--file', '/does/not/exist.csv'], /cannot read .*ENOENT/],
] as const) {
  test(`${what} is refused before a cluster is contacted`, async () => {
    await using api = await startFakeApiServer({ pipelines: [], pods: [] });
    const ran = await runSumctl(['add', ...args, '--kubeconfig', api.kubeconfig]);
    assert.equal(ran.exitCode, 2, ran.stderr);
    assert.match(ran.stderr, message);
    assert.deepEqual(api.asked, []);
  });
}

test('an empty file is an import without rows', async () => {
  await using calculator = await startCalculator();
  await using folder = await createTemporaryFolder({ 'x.csv': '' });
  const ran = await runSumctl(['add', '--file', folder.file('x.csv'), '--calculator-url', calculator.url]);
  assert.equal(ran.exitCode, 0);
  assert.match(ran.stdout, /^Rows: +0 in/m);
});

test('--rejects must not be the input', async () => {
  await using folder = await createTemporaryFolder({ 'x.csv': 'x,1,2\n' });
  const path = folder.file('x.csv');
  const ran = await runSumctl(['add', '--file', path, '--rejects', path, '--calculator-url', 'http://127.0.0.1:1']);
  assert.equal(ran.exitCode, 2);
  assert.equal(await readFile(path, 'utf8'), 'x,1,2\n');
});
