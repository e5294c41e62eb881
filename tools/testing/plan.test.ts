import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partOf, planRun, selectFiles } from './plan.ts';

for (const [args, parts, filters] of [
  [[], ['lint', 'types', 'generated', 'unit', 'integration', 'e2e'], []],
  [['unit'], ['unit'], []],
  [['unit', 'core'], ['unit'], ['core']],
  [['e2e', 'lint'], ['lint', 'e2e'], []],
  [['ledger'], ['unit', 'integration', 'e2e'], ['ledger']],
] as const) {
  test(`npm test -- ${args.join(' ')} runs ${parts.join(', ')} over ${filters.join() || 'all files'}`, () => {
    assert.deepEqual(planRun(args), { parts, filters });
  });
}

test('an option is refused with how to call it', () => {
  assert.throws(() => planRun(['--watch']), /unknown option --watch: npm test -- \[lint\|types\|/);
});

for (const [file, part] of [
  ['core/decimal.test.ts', 'unit'],
  ['tools/bootstrap/java.test.mjs', 'unit'],
  ['services/ledger/ledger.integration.test.ts', 'integration'],
  ['test/e2e/first.e2e.test.ts', 'e2e'],
  ['core/decimal.ts', undefined],
  ['test/support/test.ts', undefined],
] as const) {
  test(`${file} is ${part ?? 'no test'}`, () => assert.equal(partOf(file), part));
}

test('filters are pieces of paths, any of which is enough', () => {
  const files = ['b/y.test.ts', 'a/x.test.ts', 'a/x.ts', 'c/z.test.ts', 'a/x.integration.test.ts'];
  assert.deepEqual(selectFiles(files, 'unit', []), ['a/x.test.ts', 'b/y.test.ts', 'c/z.test.ts']);
  assert.deepEqual(selectFiles(files, 'unit', ['a/', 'z']), ['a/x.test.ts', 'c/z.test.ts']);
});
