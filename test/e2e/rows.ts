/** One row of an import. */
export interface AdditionRow {
  readonly series: string;
  readonly a: string;
  readonly b: string;
}

/** Digits after the point of a sum: as many as an addition may have. */
const scale = 18;
/** Digits after the point in the generated rows. */
const digitsMax = 6;

/**
 * Makes rows that look random but are the same in every run: 50 series, both signs, up to six digits after the point.
 */
export function buildRows(count: number): AdditionRow[] {
  let seed = 20_260_601;
  const next = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  const number = () => {
    const digits = next(digitsMax + 1);
    const fraction = digits === 0 ? '' : `.${String(next(10 ** digits)).padStart(digits, '0')}`;
    const text = `${next(1_000_000)}${fraction}`;
    return next(3) === 0 && /[1-9]/.test(text) ? `-${text}` : text;
  };
  return Array.from({ length: count }, (_, index) => ({ series: `series-${index % 50}`, a: number(), b: number() }));
}

export function toCsv(rows: readonly AdditionRow[]): string {
  return `series,a,b\n${rows.map(({ series, a, b }) => `${series},${a},${b}\n`).join('')}`;
}

/**
 * Computes totals by series, without the arithmetic of the system: as whole numbers of 10^-18. Returns the canonical
 * text that the system must write.
 */
export function sumRows(rows: readonly AdditionRow[]): Map<string, { total: string; count: string }> {
  const sums = new Map<string, { sum: bigint; count: number }>();
  for (const { series, a, b } of rows) {
    const before = sums.get(series) ?? { sum: 0n, count: 0 };
    sums.set(series, { sum: before.sum + toUnits(a) + toUnits(b), count: before.count + 1 });
  }
  return new Map([...sums].map(([series, { sum, count }]) => [series, { total: toText(sum), count: String(count) }]));
}

/** Returns the canonical text of a number: `-0.5` for `-0.50`. */
export function canonical(text: string): string {
  return toText(toUnits(text));
}

function toUnits(text: string): bigint {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (fraction.length > scale) throw new Error(`${text} has more than ${scale} digits after the point`);
  const units = BigInt(whole + fraction.padEnd(scale, '0'));
  return sign === '-' ? -units : units;
}

function toText(units: bigint): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const text = `${digits.slice(0, -scale)}.${digits.slice(-scale)}`.replace(/\.?0+$/, '');
  return units < 0n ? `-${text}` : text;
}
