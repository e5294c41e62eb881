import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs, { CompressionTypes } from 'kafkajs';

/**
 * Installs all four codecs of Kafka in kafkajs, each with a limit of the unpacked size. A batch that cannot be unpacked
 * must not stop the reader. So the codec returns placeholder records with the reason instead of the batch's records.
 */
export function installCodecs(): void {
  const { gzip, snappy, lz4, zstd } = compressionsAlgorithms;
  const table = {
    [CompressionTypes.GZIP]: codec(gzip, (packed) => promisify(gunzip)(packed, { maxOutputLength: unpackedBytesMax })),
    [CompressionTypes.Snappy]: codec(snappy, (packed) => {
      requireBounded(snappyBytes(packed));
      return snappy.decompressSync(packed);
    }),
    [CompressionTypes.LZ4]: codec(lz4, (packed) => {
      requireBounded(lz4BytesMax(packed));
      return lz4.decompressSync(packed);
    }),
    [CompressionTypes.ZSTD]: codec(zstd, (packed) =>
      promisify(zstdDecompress)(packed, { maxOutputLength: unpackedBytesMax }),
    ),
  };
  // Node does not find this name as a named export of the CommonJS module.
  Object.assign(kafkajs.CompressionCodecs, table);
}

/**
 * Maximum number of bytes of an unpacked batch. A calculator's batch has at most 512 KB. Without a limit, 1 MB from a
 * hostile producer could unpack to gigabytes.
 */
export const unpackedBytesMax = 16 * 1024 * 1024;

interface Codec {
  /** `encoder` is kafkajs' own encoder class. */
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(packed: Buffer): Promise<Buffer>;
}

function codec(
  { compressSync }: { compressSync(data: Buffer): Buffer },
  unpack: (packed: Buffer) => Buffer | Promise<Buffer>,
): () => Codec {
  return () => ({
    compress: async ({ buffer }) => compressSync(buffer),
    async decompress(packed) {
      try {
        return await unpack(packed);
      } catch (error) {
        return unreadableRecords(isTooLarge(error) ? unreadableHeader : damagedHeader, explain(error));
      }
    },
  });
}

function isTooLarge(error: unknown): boolean {
  return (
    error instanceof TooLargeError || (error instanceof Error && Reflect.get(error, 'code') === 'ERR_BUFFER_TOO_LARGE')
  );
}

function explain(error: unknown): string {
  if (isTooLarge(error)) return `its batch unpacks to more than ${unpackedBytesMax / 1024 / 1024} MB`;
  return `its batch cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`;
}

class TooLargeError extends Error {}

function requireBounded(bytes: number): void {
  if (bytes > unpackedBytesMax) throw new TooLargeError('too large');
}

const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1');
const xerialHeaderBytes = 16;

/**
 * Returns the unpacked size that the Snappy blocks declare. Java clients write many blocks (xerial format), other
 * clients write one block.
 */
function snappyBytes(packed: Buffer): number {
  if (!packed.subarray(0, xerialMagic.length).equals(xerialMagic)) return readVarint(packed, 0);
  let total = 0;
  for (let at = xerialHeaderBytes; at + 4 < packed.length; at += 4 + packed.readUInt32BE(at)) {
    total += readVarint(packed, at + 4);
  }
  return total;
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) break;
  }
  return value;
}

const lz4Magic = 0x184d2204;

/** Returns the maximum unpacked size of an LZ4 frame, because each block declares only its packed size. */
function lz4BytesMax(packed: Buffer): number {
  if (packed.length < 7 || packed.readUInt32LE(0) !== lz4Magic) throw new Error('the data is not an LZ4 frame');
  const flags = packed.readUInt8(4);
  const blockBytesMax = 2 ** (8 + 2 * ((packed.readUInt8(5) >> 4) & 7));
  const [hasContentSize, hasDictionary] = [(flags & 0x08) !== 0, (flags & 0x01) !== 0];
  let at = 7 + (hasContentSize ? 8 : 0) + (hasDictionary ? 4 : 0);
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let blocks = 0;
  while (at + 4 <= packed.length) {
    // The highest bit marks a block that is not packed.
    const bytes = packed.readUInt32LE(at) & 0x7fffffff;
    if (bytes === 0) break;
    blocks += 1;
    at += 4 + bytes + checksumBytes;
  }
  return blocks * blockBytesMax;
}

/**
 * Header names of placeholder records; the header's value is the reason. The names are random, so that no producer
 * knows them. `unreadable` marks a batch that is too large when unpacked. `damaged` marks a batch that cannot be
 * unpacked. A broker unpacks every batch that it accepts, so its bytes were changed later, on disk or in transit.
 */
const token = randomUUID();
export const unreadableHeader = `unreadable-${token}`;
export const damagedHeader = `damaged-${token}`;

/** Number of placeholder records, more than a normal producer puts into 1 MB. A batch with more ends the reader. */
const unreadableMax = 100_000;

/**
 * Returns placeholder records without key and value in Kafka's record format, version 2. kafkajs reads only as many of
 * them as the header of the batch says.
 */
function unreadableRecords(header: string, reason: string): Buffer {
  // Keep the bytes for the next batch: they are megabytes, and a producer that writes one bad batch often writes many.
  if (lastUnreadable.reason !== reason) lastUnreadable = { reason, records: buildUnreadable(header, reason) };
  return lastUnreadable.records;
}

let lastUnreadable: { readonly reason: string; readonly records: Buffer } = { reason: '', records: Buffer.alloc(0) };

function buildUnreadable(name: string, reason: string): Buffer {
  const header = [bytesOf(name), bytesOf(reason.slice(0, 500))];
  const absent = zigzag(-1);
  const records: Buffer[] = [];
  for (let offsetDelta = 0; offsetDelta < unreadableMax; offsetDelta++) {
    const body = Buffer.concat([
      Buffer.from([0]),
      zigzag(0),
      zigzag(offsetDelta),
      absent,
      absent,
      zigzag(1),
      ...header,
    ]);
    records.push(zigzag(body.length), body);
  }
  return Buffer.concat(records);
}

function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([zigzag(bytes.length), bytes]);
}

/** Encodes a signed number as Kafka records do: zigzag, then a varint. */
function zigzag(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}
