import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSumctl } from '#cli/testing/context.ts';
import { buildOnceDocument } from '#cli/up/document.ts';
import { renderFailedOnce } from './up.ts';

const at = new Date('2026-06-01T10:00:00Z');

for (const [args, message] of [
  [['up', '--input', 'x.csv'], /--input goes with --once/],
  [['up', '-o', 'json'], /-o goes with --once/],
  [['up', '--once', '--fresh'], /--once is always fresh/],
  [['up', '--once', '--input', '/does/not/exist'], /--input must be a file, and \/does\/not\/exist is none/],
  [['up', '--once', '--input', '/tmp'], /--input must be a file/],
  [['up', '--context', 'x'], /--context goes with --cluster current/],
  [['up', '--cluster', 'other'], /Allowed choices are local, current/],
  [['up', '--cluster', 'current'], /--cluster current needs --context/],
  [['up', '--cluster', 'current', '--context', 'x'], /--cluster current needs --image/],
] as const) {
  test(`sumctl ${args.join(' ')} is refused before anything starts`, async () => {
    const ran = await runSumctl(args);
    // --once is a check: it passes or it does not.
    assert.equal(ran.exitCode, args.some((arg) => arg === '--once') ? 1 : 2, ran.stderr);
    assert.match(ran.stderr, message);
    assert.equal(ran.stdout, '');
  });
}

test('who asked --once for JSON gets a document also when the options are wrong', async () => {
  for (const args of [
    ['up', '--once', '-o', 'json', '--bogus'],
    ['up', '--once', '--output=json', '--input', '/does/not/exist'],
  ]) {
    const ran = await runSumctl(args);
    assert.equal(ran.exitCode, 1);
    const document = JSON.parse(ran.stdout);
    assert.deepEqual(document.totals, []);
    assert.equal(document.proof.exact, false);
    assert.match(document.error, /bogus|must be a file/);
  }
});

test('nobody else gets a document', () => {
  for (const args of [
    ['up', '-o', 'json'],
    ['up', '--once'],
    ['total', '--once', '-o', 'json'],
    ['up', '--once', '-o', 'table'],
  ]) {
    assert.equal(renderFailedOnce(args, 'x', at), undefined);
  }
});

test('totals are sorted by the bytes of their series, whatever UTF-16 says', () => {
  const totals = ['b', '\u{10000}', '\uFFFD', 'a', 'B'].map((series) => ({ series, total: '1', count: '1' }));
  const { totals: sorted } = buildOnceDocument({ totals, proof: undefined, at });
  assert.deepEqual(
    sorted.map(({ series }) => series),
    ['B', 'a', 'b', '\uFFFD', '\u{10000}'],
  );
});
