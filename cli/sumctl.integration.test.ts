import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '#test/support/condition.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { runSumctl } from './testing/context.ts';
import { type DataPlane, startDataPlane } from './testing/dataPlane.ts';

/**
 * These tests run sumctl against a real calculator, aggregator, Kafka and PostgreSQL. They share these servers and
 * run in this order.
 */

let plane: DataPlane;
before(async () => {
  plane = await startDataPlane();
});
after(() => plane?.[Symbol.asyncDispose]());

const add = (...args: string[]) => runSumctl(['add', ...args, '--calculator-url', plane.calculatorUrl, '-o', 'json']);
const addGrpc = (...args: string[]) =>
  runSumctl(['add', ...args, '--calculator-url', plane.calculatorGrpcUrl, '-o', 'json']);
const read = (...args: string[]) => runSumctl([...args, '--aggregator-url', plane.aggregatorUrl, '-o', 'json']);

const id = '0191f3c5-8f2a-7cc1-9d1e-00000000000';

test('a total read with --at-least contains what add acknowledged over HTTP and over gRPC', async () => {
  for (const [how, addOne] of [
    ['http', add],
    ['grpc', addGrpc],
  ] as const) {
    const added = await addOne('1.10', '-0.5', '--series', how, '--id', `${id}${how === 'http' ? 1 : 2}`);
    assert.equal(added.exitCode, 0, added.stderr);
    const { result, position, replayed } = JSON.parse(added.stdout);
    assert.deepEqual([result, replayed], ['0.6', false]);
    const total = await read('total', how, '--at-least', `${position.partition}:${position.offset}`);
    assert.equal(total.exitCode, 0, total.stderr);
    assert.equal(JSON.parse(total.stdout).total, '0.6');
  }
});

test('the same id again is replayed, over either protocol; other operands are a conflict: 1', async () => {
  for (const addOne of [add, addGrpc]) {
    const again = await addOne('1.1', '-0.50', '--series', 'http', '--id', `${id}1`);
    assert.equal(JSON.parse(again.stdout).replayed, true);
    const other = await addOne('1.1', '5', '--series', 'http', '--id', `${id}1`);
    assert.equal(other.exitCode, 1);
    assert.match(other.stderr, /was acknowledged here for 1\.1 \+ -0\.5 .*\nThe id belongs to another addition/);
  }
});

test('a series without additions is not found (1), and a wait for a position that does not exist times out (4)', async () => {
  assert.equal((await read('total', 'absent')).exitCode, 1);
  const waited = await read('total', 'http', '--at-least', '0:999999', '--timeout', '300ms');
  assert.equal(waited.exitCode, 4, waited.stderr);
});

const seriesCount = 7;
const rowCount = 3000;

function buildRows(): string {
  const rows = Array.from({ length: rowCount }, (_, row) => `series ${row % seriesCount},${row}.25,-1`);
  return ['series,a,b', ...rows, 'series 0,NaN,1', '"open,1,2'].join('\r\n');
}

test('an import continues after the calculator and the aggregator are killed, twice, and every row counts once', async () => {
  await using folder = await createTemporaryFolder({ 'rows.csv': buildRows() });
  const importRows = () => addGrpc('--file', folder.file('rows.csv'), '--concurrency', '50');
  const importing = importRows();
  await until('the first rows to be counted', async () => (await read('total', 'series 0')).exitCode === 0);
  await plane.kill('calculator');
  await plane.start('calculator');
  await plane.kill('aggregator');
  await plane.start('aggregator');
  const first = await importing;
  assert.ok(JSON.parse(first.stdout).retries > 0, 'the import was still running when the calculator died');
  for (const ran of [first, await importRows()]) {
    assert.equal(ran.exitCode, 1, 'two rows are bad');
    const summary = JSON.parse(ran.stdout);
    assert.deepEqual([summary.accepted + summary.replayed, summary.rejected, summary.unanswered], [rowCount, 2, 0]);
    assert.deepEqual(
      summary.rejections.map(({ line, code }: { line: number; code: string }) => [line, code]),
      [
        [rowCount + 2, 'invalid-field'],
        [rowCount + 3, 'bad-row'],
      ],
    );
    const waited = await read('total', 'series 0', '--at-least', summary.vector);
    assert.equal(waited.exitCode, 0, waited.stderr);
  }
  const { totals } = JSON.parse((await read('total')).stdout);
  for (let series = 0; series < seriesCount; series++) {
    // An independent sum, in hundredths to avoid fractions.
    let expected = 0;
    let count = 0;
    for (let row = series; row < rowCount; row += seriesCount) {
      expected += row * 100 + 25 - 100;
      count += 1;
    }
    const total = totals.find((one: { series: string }) => one.series === `series ${series}`);
    assert.equal(Math.round(Number(total.total) * 100), expected);
    assert.equal(total.count, String(count));
  }
});

test('verify and status report exact totals, with duplicates and without conflicts', async () => {
  const verified = await read('verify');
  assert.equal(verified.exitCode, 0, verified.stderr);
  const proof = JSON.parse(verified.stdout);
  assert.equal(proof.exact, true);
  const sum = (field: string) =>
    proof.partitions.reduce((all: number, one: Record<string, string>) => all + Number(one[field]), 0);
  assert.equal(sum('applied'), rowCount + 2);
  assert.equal(sum('conflict'), 0);
  const status = await runSumctl(['status', '--aggregator-url', plane.aggregatorUrl]);
  assert.equal(status.exitCode, 0, status.stderr);
  assert.match(status.stdout, /^Exact: +yes$/m);
});

test('with the services stopped: 3, and the message says that nothing was written', async () => {
  await Promise.all([plane.kill('calculator'), plane.kill('aggregator')]);
  const added = await add('1', '2', '--retry-for', '200ms');
  assert.equal(added.exitCode, 3);
  assert.match(added.stderr, /nothing was written: cannot reach .*ECONNREFUSED/);
});
