/** A function that returns numbers in [0, 1) from a seed: the same seed makes the same load. Not for secrets. */
export type Random = () => number;

/** Makes a mulberry32 generator: 32 bits of state, small enough for thousands of virtual users. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes a separate seed for each user of a run, so that users do not repeat each other (FNV-1a over the text). */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join('/')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash >>> 0;
}

/** Returns an integer from `minimum` to `maximum`, both included. */
export function integerBetween(random: Random, minimum: number, maximum: number): number {
  return minimum + Math.floor(random() * (maximum - minimum + 1));
}

/** Makes a UUID of version 7: 48 bits of time, then random bits. `nowMs` is milliseconds since the Unix epoch. */
export function requestIdAt(nowMs: number, random: Random): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0').slice(-12);
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => integerBetween(random, 0, 15).toString(16)).join('');
  const variant = integerBetween(random, 8, 11).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
}

/** Returns a decimal with at most two digits after the point. One in ten is below zero. */
export function randomDecimal(random: Random): string {
  const sign = random() < 0.1 ? '-' : '';
  const whole = integerBetween(random, 1, 9_999);
  const cents = integerBetween(random, 0, 99);
  return cents === 0 ? `${sign}${whole}` : `${sign}${whole}.${cents.toString().padStart(2, '0')}`;
}
