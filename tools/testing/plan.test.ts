import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { partOf, planRun, refuseIdleFilters, selectFiles, UsageError } from './plan.ts';

for (const [args, parts, filters] of [
  [[], ['lint', 'types', 'unused', 'generated', 'unit', 'integration', 'e2e'], []],
  [['unit'], ['unit'], []],
  [['unit', 'core'], ['unit'], ['core']],
  [['e2e', 'lint'], ['lint', 'e2e'], []],
  [['ledger'], ['unit', 'integration', 'e2e'], ['ledger']],
] as const) {
  test(`npm test -- ${args.join(' ')} runs ${parts.join(', ')} over ${filters.join() || 'all files'}`, () => {
    assert.deepEqual(planRun(args), { parts, filters });
  });
}

test('an option is refused with the usage', () => {
  assert.throws(() => planRun(['--watch']), /unknown option --watch\nUsage: npm test -- \[lint\|types\|/);
});

const someFiles = ['core/decimal.test.ts', 'core/decimal.ts', 'services/ledger/ledger.integration.test.ts'];

for (const [args, message] of [
  [['zzzz'], /^no test file of unit, integration, e2e matches zzzz\nUsage: /],
  [['core', 'zzzz', 'yyyy'], /matches zzzz, yyyy\n/],
  [['integration', 'decimal'], /^no test file of integration matches decimal\n/],
  [['lint', 'decimal'], /^no test file of lint matches decimal\n/],
  [['core/decimal.ts'], /matches core\/decimal\.ts\n/],
] as const) {
  test(`npm test -- ${args.join(' ')} is refused if no test matches`, () => {
    assert.throws(() => refuseIdleFilters(planRun(args), someFiles), { constructor: UsageError, message });
  });
}

for (const args of [[], ['lint'], ['unit'], ['decimal', 'ledger'], ['integration', 'ledger']]) {
  test(`npm test -- ${args.join(' ')} is not refused if tests match`, () => {
    refuseIdleFilters(planRun(args), someFiles);
  });
}

for (const [args, message] of [
  [['--foo'], /^unknown option --foo\nUsage: npm test -- .*\n$/],
  [['zzzz'], /^no test file of unit, integration, e2e matches zzzz\nUsage: npm test -- .*\n$/],
] as const) {
  test(`npm test -- ${args.join(' ')} exits with 2 and prints the reason, without a stack`, () => {
    const ran = spawnSync(process.execPath, ['--no-warnings', join(import.meta.dirname, '..', 'test.ts'), ...args], {
      encoding: 'utf8',
    });
    assert.equal(ran.status, 2, ran.stdout);
    assert.match(ran.stderr, message);
    assert.equal(ran.stdout, '');
  });
}

for (const [file, part] of [
  ['core/decimal.test.ts', 'unit'],
  ['lab/bootstrap/java.test.mjs', 'unit'],
  ['services/ledger/ledger.integration.test.ts', 'integration'],
  ['test/e2e/first.e2e.test.ts', 'e2e'],
  ['core/decimal.ts', undefined],
  ['test/support/test.ts', undefined],
] as const) {
  test(`${file} is ${part ?? 'not a test'}`, () => assert.equal(partOf(file), part));
}

test('filters are pieces of paths, any of which is enough', () => {
  const files = ['b/y.test.ts', 'a/x.test.ts', 'a/x.ts', 'c/z.test.ts', 'a/x.integration.test.ts'];
  assert.deepEqual(selectFiles(files, 'unit', []), ['a/x.test.ts', 'b/y.test.ts', 'c/z.test.ts']);
  assert.deepEqual(selectFiles(files, 'unit', ['a/', 'z']), ['a/x.test.ts', 'c/z.test.ts']);
});
