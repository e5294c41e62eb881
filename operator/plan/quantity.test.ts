import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equalQuantities } from './quantity.ts';

const table: readonly (readonly [unknown, unknown, boolean])[] = [
  ['1000m', '1', true],
  ['1', 1, true],
  ['0.5Gi', '512Mi', true],
  ['1e3', '1k', true],
  ['1E3', '1000', true],
  ['.5', '500m', true],
  ['1.', '1', true],
  ['+1', '1', true],
  ['1500u', '1.5m', true],
  ['1Gi', '1G', false],
  ['100m', '200m', false],
  ['-1', '1', false],
  ['', '', false],
  ['.', '.', false],
  ['one', 'one', false],
  [undefined, undefined, false],
];

for (const [left, right, expected] of table) {
  test(`${JSON.stringify(left)} and ${JSON.stringify(right)} are ${expected ? 'the same amount' : 'not the same amount'}`, () => {
    assert.equal(equalQuantities(left, right), expected);
    assert.equal(equalQuantities(right, left), expected);
  });
}
