import { createHash } from 'node:crypto';

const fingerprintBytesLength = 16;

/**
 * Returns the first 16 bytes of a SHA-256 of series, a and b. Each of these texts is hashed as its length (u32,
 * big-endian) and its UTF-8 bytes: without the lengths, ("ab", "c") and ("a", "bc") would have the same hash. The
 * decimals must be canonical.
 */
export function fingerprintOf(operands: { series: string; a: string; b: string }): Uint8Array {
  const hash = createHash('sha256');
  for (const part of [operands.series, operands.a, operands.b]) {
    const bytes = Buffer.from(part, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  }
  return Uint8Array.from(hash.digest().subarray(0, fingerprintBytesLength));
}

export function equalBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
