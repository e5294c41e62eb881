import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closingLine, findForbiddenSkips, formatSummary, type PartResult } from './summary.ts';

const results: PartResult[] = [
  { part: 'lint', passed: 1, failed: [], skipped: [], seconds: 0.42 },
  {
    part: 'unit',
    passed: 120,
    failed: ['a breaks'],
    skipped: [{ name: 'b waits', reason: 'needs root' }],
    seconds: 12,
  },
];

test('the summary is a table, then every skip and failure by name, then the closing line', () => {
  assert.equal(
    formatSummary(results),
    `
part  passed  failed  skipped  seconds
lint       1       0        0      0.4
unit     120       1        1     12.0
SKIPPED unit: b waits (needs root)
FAILED unit: a breaks

121 passed, 1 failed, 1 skipped`,
  );
});

test('without results every count is zero', () => {
  assert.equal(closingLine([]), '0 passed, 0 failed, 0 skipped');
});

test('a skip is allowed by its name or by the beginning of its name', () => {
  const skipped = ['needs root to run', 'cluster: starts', 'cluster: stops', 'other'].map((name) => ({
    name,
    reason: '',
  }));
  const allowed = `
    needs root to run
    cluster: *
  `;
  assert.deepEqual(
    findForbiddenSkips(skipped, allowed).map(({ name }) => name),
    ['other'],
  );
  assert.equal(findForbiddenSkips(skipped, '').length, 4);
});
