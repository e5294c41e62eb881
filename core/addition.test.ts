import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AdditionInput, isSameAddition, parseAddition } from './addition.ts';
import { SumError } from './errors.ts';

const requestId = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';
const input = (changes: Partial<AdditionInput> = {}): AdditionInput => ({
  requestId,
  series: 'apples',
  a: '1',
  b: '2',
  ...changes,
});

test('an addition comes out in canonical form', () => {
  const parsed = parseAddition(input({ requestId: requestId.toUpperCase(), series: '', a: '1.50', b: '-0.0' }));
  assert.deepEqual(parsed, { requestId, series: 'default', a: '1.5', b: '0', result: '1.5' });
});

describe('an error names the wrong field', () => {
  const cases: [what: string, changes: Partial<AdditionInput>, field: string, detail: RegExp][] = [
    ['no id', { requestId: '' }, 'requestId', /is missing: send a UUID of your own/],
    ['a word for an id', { requestId: 'order-1' }, 'requestId', /must be a UUID/],
    ['an id in braces', { requestId: `{${requestId}}` }, 'requestId', /must be a UUID/],
    ['an id with a newline', { requestId: `${requestId}\n` }, 'requestId', /must be a UUID/],
    ['the nil id', { requestId: '00000000-0000-0000-0000-000000000000' }, 'requestId', /nil UUID/],
    ['a NUL in the series', { series: 'a\u0000b' }, 'series', /control character/],
    ['a tab in the series', { series: 'a\tb' }, 'series', /control character/],
    ['a C1 control in the series', { series: 'a\u0085b' }, 'series', /control character/],
    ['a lone surrogate', { series: 'a\ud800' }, 'series', /lone surrogate/],
    ['201 bytes of series', { series: 'x'.repeat(201) }, 'series', /has 201 bytes/],
    ['202 bytes in 101 characters', { series: 'ä'.repeat(101) }, 'series', /has 202 bytes/],
    ['no a', { a: '' }, 'a', /a is missing/],
    ['no b', { b: '' }, 'b', /b is missing/],
    ['NaN', { a: 'NaN' }, 'a', /a must be a decimal/],
    ['an exponent', { b: '1e9' }, 'b', /b must be a decimal/],
    ['39 digits', { a: '1'.repeat(39) }, 'a', /39 digits/],
    ['19 digits after the point', { b: `0.${'1'.repeat(19)}` }, 'b', /19 digits after the point/],
    ['a sum of 39 digits', { a: '9'.repeat(38), b: '1' }, 'b', /the result would have more than 38 digits/],
    ['a sum that needs more digits', { a: `1${'0'.repeat(37)}`, b: '0.5' }, 'b', /the result would have more/],
  ];
  for (const [what, changes, field, detail] of cases) {
    test(what, () => {
      assert.throws(
        () => parseAddition(input(changes)),
        (error: unknown) => {
          assert.ok(error instanceof SumError);
          assert.deepEqual([error.code, error.field], ['invalid-field', field]);
          assert.match(error.message, detail);
          return true;
        },
      );
    });
  }
});

test('a series may hold anything else, up to 200 bytes, and is not normalised', () => {
  for (const series of [
    'x'.repeat(200),
    '€'.repeat(66),
    'e\u0301',
    '\u00e9',
    '🧮',
    ' ',
    "'; drop table totals; --",
    '../..',
  ]) {
    assert.equal(parseAddition(input({ series })).series, series);
  }
});

test('two additions are the same if their operands are equal, not only their sums', () => {
  const one = parseAddition(input({ a: '1.0', b: '2' }));
  assert.equal(isSameAddition(one, parseAddition(input({ a: '1', b: '2.00' }))), true);
  assert.equal(isSameAddition(one, parseAddition(input({ a: '2', b: '1' }))), false);
  assert.equal(isSameAddition(one, parseAddition(input({ series: 'pears' }))), false);
});
