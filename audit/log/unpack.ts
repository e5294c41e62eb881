import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';

/** The records of a batch cannot be unpacked. The message describes the batch: `packed with lz4 and cannot be ...`. */
export class UnpackError extends Error {
  override name = 'UnpackError';
}

/** Maximum unpacked size of a batch, in bytes. The pipeline has the same limit and parks a larger batch. */
const unpackedBytesMax = 16 * 1024 * 1024;

/** Codecs by their number in the attributes of a batch. */
const codecs: Readonly<Record<number, { readonly name: string; readonly unpack: (packed: Buffer) => Buffer }>> = {
  0: { name: 'none', unpack: (packed) => packed },
  1: { name: 'gzip', unpack: (packed) => gunzipSync(packed, { maxOutputLength: unpackedBytesMax }) },
  2: { name: 'snappy', unpack: (packed) => unpackSnappy(packed, unpackedBytesMax) },
  3: { name: 'lz4', unpack: (packed) => unpackLz4(packed, unpackedBytesMax) },
  4: { name: 'zstd', unpack: (packed) => zstdDecompressSync(packed, { maxOutputLength: unpackedBytesMax }) },
};

export function unpack(codec: number, packed: Buffer): Buffer {
  const known = codecs[codec];
  if (known === undefined) throw new UnpackError(`packed with codec ${codec}, which the auditor does not read`);
  try {
    return known.unpack(packed);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnpackError(`packed with ${known.name} and cannot be unpacked: ${reason}`, { cause: error });
  }
}
