import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { reachableRungs, rungStepExpression, rungsOf } from './rungs.ts';

test('the rungs of 12 partitions are the numbers that give the busiest aggregator fewer partitions', () => {
  assert.deepEqual(rungsOf(12), [1, 2, 3, 4, 6, 12]);
});

test('rungs within 10 % of each other are left out, and the top is kept', () => {
  assert.deepEqual(reachableRungs(12), rungsOf(12));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1024 }), (partitions) => {
      const rungs = reachableRungs(partitions);
      assert.equal(rungs.at(-1), partitions);
      assert.equal(rungs[0], 1);
      for (const [index, rung] of rungs.entries()) {
        const below = rungs[index - 1];
        if (below !== undefined) assert.ok(rung / below > 1.1, `${below} and ${rung} of ${partitions}`);
      }
    }),
  );
});

test('the expression gives the smallest rung that is at least the number', () => {
  assert.equal(rungStepExpression('x', [1, 2, 4]), '(1 + 0 * x + 1 * (x > bool 1) + 2 * (x > bool 2))');
});
