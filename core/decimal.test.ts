import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  addDecimals,
  type Decimal,
  digitsMax,
  formatDecimal,
  fractionDigitsMax,
  isWithinDigits,
  parseDecimal,
} from './decimal.ts';

function parse(text: string): Decimal {
  const parsed = parseDecimal(text);
  assert.ok(parsed.ok, `${text}: ${parsed.ok ? '' : parsed.problem}`);
  return parsed.value;
}

const canonical = (text: string) => formatDecimal(parse(text));

/** Returns the numerator of a fraction with denominator 10^18. The model uses only string arithmetic. */
function modelOf(text: string): bigint {
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const magnitude = BigInt(whole + fraction.padEnd(18, '0').slice(0, 18));
  return text.startsWith('-') ? -magnitude : magnitude;
}

/** Generates decimal texts within the limits: a sign, up to 20 digits before and 18 after the point. */
const decimalText = fc
  .record({
    sign: fc.constantFrom('', '-'),
    whole: fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }),
    fraction: fc.option(fc.stringMatching(/^\d{1,18}$/), { nil: undefined }),
  })
  .map(({ sign, whole, fraction }) => `${sign}${whole}${fraction === undefined ? '' : `.${fraction}`}`);

test('adding agrees with exact fractions', () => {
  fc.assert(
    fc.property(decimalText, decimalText, (a, b) => {
      const sum = formatDecimal(addDecimals(parse(a), parse(b)));
      assert.equal(modelOf(sum), modelOf(a) + modelOf(b));
    }),
    { numRuns: 500 },
  );
});

test('the canonical text of a canonical text is the same text, and means the same number', () => {
  fc.assert(
    fc.property(decimalText, (text) => {
      const once = canonical(text);
      assert.equal(canonical(once), once);
      assert.equal(modelOf(once), modelOf(text));
      assert.doesNotMatch(once, /^-0$|\.\d*0$|\.$/);
    }),
    { numRuns: 500 },
  );
});

test('addition is commutative and associative, and 0 changes nothing', () => {
  fc.assert(
    fc.property(decimalText, decimalText, decimalText, (x, y, z) => {
      const [a, b, c] = [parse(x), parse(y), parse(z)];
      assert.equal(addDecimals(a, b), addDecimals(b, a));
      assert.equal(addDecimals(addDecimals(a, b), c), addDecimals(a, addDecimals(b, c)));
      assert.equal(addDecimals(a, parse('-0.0')), a);
    }),
  );
});

describe('canonical text', () => {
  const nines = '9'.repeat(digitsMax);
  for (const [text, expected] of [
    ['0', '0'],
    ['-0', '0'],
    ['-0.000', '0'],
    ['1.50', '1.5'],
    ['-3.000', '-3'],
    ['0.000000000000000001', '0.000000000000000001'],
    ['1.0000000000000000000000', '1'],
    [nines, nines],
    [`-${'9'.repeat(20)}.${'9'.repeat(18)}`, `-${'9'.repeat(20)}.${'9'.repeat(18)}`],
  ] as const) {
    test(`${text} is ${expected}`, () => assert.equal(canonical(text), expected));
  }
});

describe('refused', () => {
  for (const [text, problem] of [
    ['', /must be a decimal/],
    ['NaN', /must be a decimal/],
    ['Infinity', /must be a decimal/],
    ['1e3', /no exponent/],
    ['+1', /no sign \+/],
    [' 1', /no spaces/],
    ['1 ', /no spaces/],
    ['1\n', /must be a decimal/],
    ['.5', /must be a decimal/],
    ['5.', /must be a decimal/],
    ['01', /must be a decimal/],
    ['-00', /must be a decimal/],
    ['1,5', /must be a decimal/],
    ['1_000', /must be a decimal/],
    ['0x10', /must be a decimal/],
    ['--1', /must be a decimal/],
    ['١', /must be a decimal/],
    ['1\u0000', /must be a decimal/],
    ['1'.repeat(digitsMax + 1), /has 39 digits; at most 38/],
    [`0.${'1'.repeat(fractionDigitsMax + 1)}`, /has 19 digits after the point; at most 18/],
    [`${'1'.repeat(21)}.${'1'.repeat(18)}`, /has 39 digits; at most 38/],
    ['1'.repeat(200), /has 200 characters; at most 128/],
  ] as const) {
    test(JSON.stringify(text).slice(0, 30), () => {
      const parsed = parseDecimal(text);
      assert.ok(!parsed.ok);
      assert.match(parsed.problem, problem);
    });
  }
});

test('38 digits are within bounds, 39 are not, on both sides of zero', () => {
  const largest = parse('9'.repeat(digitsMax));
  assert.equal(isWithinDigits(largest), true);
  assert.equal(isWithinDigits(addDecimals(largest, parse('1'))), false);
  assert.equal(isWithinDigits(addDecimals(parse(`-${'9'.repeat(digitsMax)}`), parse('-1'))), false);
  assert.equal(isWithinDigits(addDecimals(parse(`1${'0'.repeat(37)}`), parse('0.1'))), false);
});
