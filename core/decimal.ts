/**
 * An exact decimal: a BigInt that counts units of 10^-18. Floats are never used.
 *
 * In requests and records a decimal is the text -?(0|[1-9]\d*)(\.\d+)?. Its canonical form has no trailing zeros in the
 * fraction and no minus before zero. It has at most 38 digits, at most 18 of them after the point.
 */
export type Decimal = bigint & { readonly decimal: unique symbol };

/** Maximum number of digits after the point, and in total. The domain `amount` of PostgreSQL has the same limits. */
export const fractionDigitsMax = 18;
export const digitsMax = 38;
/** Maximum number of characters of a decimal in a request. 38 digits with sign and point need 40. More may be zeros. */
const decimalTextLengthMax = 128;

const unit = 10n ** BigInt(fractionDigitsMax);
const decimalPattern = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?$/;

export type DecimalProblem = string;

/**
 * Parses a decimal of a request or a record. Does not throw: `problem` ends a sentence that begins with the field name.
 */
export function parseDecimal(text: string): { ok: true; value: Decimal } | { ok: false; problem: DecimalProblem } {
  if (text.length > decimalTextLengthMax) {
    return { ok: false, problem: `has ${text.length} characters; at most ${decimalTextLengthMax} are allowed` };
  }
  const match = decimalPattern.exec(text);
  if (match === null) {
    return {
      ok: false,
      problem: 'must be a decimal such as "12", "-0.5" or "3.14": no exponent, no sign +, no spaces',
    };
  }
  const [, sign, whole = '', fractionRaw = ''] = match;
  const fraction = fractionRaw.replace(/0+$/, '');
  if (fraction.length > fractionDigitsMax) {
    return {
      ok: false,
      problem: `has ${fraction.length} digits after the point; at most ${fractionDigitsMax} are allowed`,
    };
  }
  if (whole.length + fraction.length > digitsMax) {
    return { ok: false, problem: `has ${whole.length + fraction.length} digits; at most ${digitsMax} are allowed` };
  }
  const magnitude = BigInt(whole) * unit + BigInt(fraction.padEnd(fractionDigitsMax, '0'));
  return { ok: true, value: (sign === '-' ? -magnitude : magnitude) as Decimal };
}

/** Returns the canonical text. It may have any length, because totals are unbounded. */
export function formatDecimal(value: Decimal): string {
  const magnitude = value < 0n ? -value : value;
  const whole = (magnitude / unit).toString();
  const fraction = (magnitude % unit).toString().padStart(fractionDigitsMax, '0').replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return value < 0n ? `-${text}` : text;
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  return (a + b) as Decimal;
}

/** Returns true if the canonical text has at most 38 digits, the limit of operands and results. */
export function isWithinDigits(value: Decimal): boolean {
  return formatDecimal(value).replace(/[-.]/g, '').length <= digitsMax;
}
