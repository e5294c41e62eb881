import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addDecimals, formatDecimal, isWithinDigits, parseDecimal } from '#core/decimal.ts';
import { add, formatAmount, isEqual, isWithinLimits, negate, parseNumeric, parseOperand } from './amount.ts';

const decimalText = fc
  .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 22n }), fc.stringMatching(/^\d{0,18}$/))
  .map(([sign, whole, fraction]) => `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`);

describe('an amount', () => {
  for (const [text, canonical] of [
    ['0', '0'],
    ['-0', '0'],
    ['0.00', '0'],
    ['10.50', '10.5'],
    ['-0.05', '-0.05'],
    ['100', '100'],
    ['0.000000000000000001', '0.000000000000000001'],
    [
      '123456789012345678901234567890123456789012345678901234567890',
      '123456789012345678901234567890123456789012345678901234567890',
    ],
  ] as const) {
    test(`of ${text} is ${canonical}`, () => assert.equal(formatAmount(parseNumeric(text)), canonical));
  }

  for (const text of ['NaN', 'Infinity', '', '1e3', '+1', '.5', '1.', '0x10']) {
    test(`is not read from "${text}"`, () => assert.throws(() => parseNumeric(text), /is not a decimal number/));
  }

  for (const text of ['01', '1.0', '-0', '+1', '1e3', '', '1.0000000000000000001', `${'9'.repeat(39)}`, '1 ', '٣']) {
    test(`is no operand as "${text}"`, () => assert.equal(parseOperand(text), undefined));
  }

  test('is added without rounding', () => {
    const sum = add(parseNumeric('0.1'), parseNumeric('0.2'));
    assert.ok(isEqual(sum, parseNumeric('0.3')));
    assert.equal(formatAmount(add(sum, negate(parseNumeric('0.3')))), '0');
    assert.ok(!isEqual(parseNumeric('1'), parseNumeric('10')));
  });

  test('has the sums, texts and limits of the pipeline, computed in another way', () => {
    fc.assert(
      fc.property(decimalText, decimalText, (one, other) => {
        const [a, b] = [parseDecimal(one), parseDecimal(other)];
        if (!a.ok || !b.ok) return;
        const sum = addDecimals(a.value, b.value);
        const own = add(parseNumeric(one), parseNumeric(other));
        assert.equal(formatAmount(own), formatDecimal(sum));
        assert.equal(isWithinLimits(own), isWithinDigits(sum));
        assert.equal(parseOperand(one) !== undefined, formatDecimal(a.value) === one);
      }),
      { numRuns: 2000 },
    );
  });
});
