/**
 * An exact decimal number: `units` times 10 to the power of minus `scale`. The auditor has its own code for decimals,
 * so that it does not repeat an error of the pipeline.
 */
export interface Amount {
  readonly units: bigint;
  readonly scale: number;
}

export const zero: Amount = { units: 0n, scale: 0 };

/** Limits of the pipeline for operands and results: digits in total, and digits after the point. */
const digitsMax = 38;
const fractionMax = 18;

/** Parses the text of a PostgreSQL `numeric`. Throws for any other text, such as NaN. */
export function parseNumeric(text: string): Amount {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw new Error(`"${text.slice(0, 60)}" is not a decimal number`);
  const [, sign = '', whole = '', fraction = ''] = match;
  return reduce(BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n), fraction.length);
}

/** Parses an operand of a record. Returns undefined if it is not canonical text within the limits of the pipeline. */
export function parseOperand(text: string): Amount | undefined {
  if (text.length > digitsMax + 3 || !/^-?\d+(\.\d+)?$/.test(text)) return undefined;
  const amount = parseNumeric(text);
  return formatAmount(amount) === text && isWithinLimits(amount) ? amount : undefined;
}

export function add(one: Amount, other: Amount): Amount {
  const scale = Math.max(one.scale, other.scale);
  return reduce(raise(one, scale) + raise(other, scale), scale);
}

export function negate({ units, scale }: Amount): Amount {
  return { units: -units, scale };
}

/** Returns whether two amounts are equal. Amounts are reduced, so equal numbers have equal parts. */
export function isEqual(one: Amount, other: Amount): boolean {
  return one.units === other.units && one.scale === other.scale;
}

/** Returns whether an amount has at most 38 digits, 18 of them after the point. The zero in "0.5" is a digit too. */
export function isWithinLimits(amount: Amount): boolean {
  const digits = formatAmount(amount).replace(/[-.]/g, '').length;
  return digits <= digitsMax && amount.scale <= fractionMax;
}

/** Returns the shortest text, without zeros at the end of the fraction and without a minus before zero. */
export function formatAmount({ units, scale }: Amount): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function raise({ units, scale }: Amount, wanted: number): bigint {
  return units * 10n ** BigInt(wanted - scale);
}

function reduce(units: bigint, scale: number): Amount {
  let [rest, places] = [units, scale];
  while (places > 0 && rest % 10n === 0n) {
    rest /= 10n;
    places -= 1;
  }
  return { units: rest, scale: places };
}
