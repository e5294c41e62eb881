/** Decimal units of Kubernetes quantities, as powers of ten. The smallest unit is n, 10^-9. */
const decimalUnits: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryUnits: Readonly<Record<string, bigint>> = { Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n };

/** Whether two Kubernetes quantities are the same amount: `1000m` and `1`, `0.5Gi` and `512Mi`, `1e3` and `1k`. */
export function equalQuantities(left: unknown, right: unknown): boolean {
  const [one, other] = [parseQuantity(left), parseQuantity(right)];
  return one !== undefined && one === other;
}

/** Returns the amount in units of 10^-18, so that usual fractions are whole numbers. Undefined if it is no quantity. */
function parseQuantity(value: unknown): bigint | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return undefined;
  const match = /^([+-]?)(\d{0,24})(?:\.(\d{0,9}))?(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?\d{1,2}))$/.exec(text);
  const [, sign, whole = '', fraction = '', binary, decimal, exponent] = match ?? [];
  if (match === null || whole + fraction === '') return undefined;
  const digits = BigInt(whole + fraction) * (sign === '-' ? -1n : 1n);
  const shift = binary === undefined ? undefined : binaryUnits[binary];
  const power = 18 - fraction.length + (shift === undefined ? Number(exponent ?? decimalUnits[decimal ?? '']) : 0);
  if (power < 0) return undefined;
  return (digits * 10n ** BigInt(power)) << (shift ?? 0n);
}
