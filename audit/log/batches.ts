import type { RecordBytes } from '#audit/record/addition.ts';
import { crc32c } from './crc32c.ts';
import { UnpackError, unpack } from './unpack.ts';

/** An aborted transaction, as the broker lists it in a Fetch response. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** One batch of the log as Kafka stores it (record format 2). */
export type Batch = { readonly firstOffset: bigint; readonly lastOffset: bigint } & BatchContent;

type BatchContent =
  | { readonly kind: 'records'; readonly records: readonly (RecordBytes & { readonly offset: bigint })[] }
  /** A transaction marker, or records of an aborted transaction. Readers of committed records do not get them. */
  | { readonly kind: 'withheld'; readonly reason: string; readonly offsets: readonly bigint[] }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Sizes and positions in a batch, in bytes: its length field, its header, and the parts of the header. */
const lengthEnd = 12;
const headerBytes = 61;
const magicAt = 16;
const checksumAt = 17;
const checkedFrom = 21;
const [codecMask, transactionalFlag, controlFlag] = [0x07, 0x10, 0x20];
const abortMarker = 0;

/** Parses the batches of one response, in order. An incomplete batch at the end is left out. */
export function* readBatches(bytes: Buffer, aborted: readonly AbortedTransaction[]): Generator<Batch> {
  const waiting = aborted.toSorted((one, other) => Number(one.firstOffset - other.firstOffset));
  const abortedProducers = new Set<bigint>();
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const end = at + lengthEnd + bytes.readInt32BE(at + 8);
    if (end > bytes.length || end < at + headerBytes) return;
    const batch = bytes.subarray(at, end);
    const firstOffset = batch.readBigInt64BE(0);
    const lastOffset = firstOffset + BigInt(batch.readInt32BE(23));
    for (let next = waiting[0]; next !== undefined && next.firstOffset <= lastOffset; next = waiting[0]) {
      abortedProducers.add(next.producerId);
      waiting.shift();
    }
    yield { firstOffset, lastOffset, ...readContent(batch, abortedProducers) };
    at = end;
  }
}

function readContent(batch: Buffer, abortedProducers: Set<bigint>): BatchContent {
  if (batch.readInt8(magicAt) !== 2) return { kind: 'unreadable', reason: 'stored in an old format of Kafka' };
  if (crc32c(batch.subarray(checkedFrom)) !== batch.readUInt32BE(checksumAt)) {
    return { kind: 'unreadable', reason: 'damaged: the checksum is wrong' };
  }
  const attributes = batch.readInt16BE(21);
  const producerId = batch.readBigInt64BE(43);
  try {
    const packed = batch.subarray(headerBytes);
    const records = readRecords(unpack(attributes & codecMask, packed), batch.readBigInt64BE(0), batch.readInt32BE(57));
    const offsets = records.map(({ offset }) => offset);
    if ((attributes & controlFlag) !== 0) {
      if (markerOf(records[0]) === abortMarker) abortedProducers.delete(producerId);
      return { kind: 'withheld', reason: `a marker of a transaction of producer ${producerId}`, offsets };
    }
    if ((attributes & transactionalFlag) !== 0 && abortedProducers.has(producerId)) {
      return { kind: 'withheld', reason: `written in an aborted transaction of producer ${producerId}`, offsets };
    }
    return { kind: 'records', records };
  } catch (error) {
    if (error instanceof UnpackError) return { kind: 'unreadable', reason: error.message };
    if (error instanceof RangeError) return { kind: 'unreadable', reason: "not stored in Kafka's record format" };
    throw error;
  }
}

/** Returns the type of a marker. The key of a marker is its version and its type, two bytes each. */
function markerOf(record: RecordBytes | undefined): number | undefined {
  const key = record?.key;
  return key === null || key === undefined || key.length < 4 ? undefined : Buffer.from(key).readInt16BE(2);
}

function readRecords(bytes: Buffer, firstOffset: bigint, count: number): (RecordBytes & { offset: bigint })[] {
  const records: (RecordBytes & { offset: bigint })[] = [];
  const cursor = new Cursor(bytes);
  for (let index = 0; index < count; index++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > bytes.length) throw new RangeError('a record ends after its batch');
    cursor.at += 1; // attributes, unused
    cursor.varint(); // time
    const offset = firstOffset + BigInt(cursor.varint());
    const [key, value] = [cursor.bytes(), cursor.bytes()];
    const headers: { name: string; value: Uint8Array | null }[] = [];
    for (let left = cursor.varint(); left > 0; left--) {
      const name = cursor.bytes();
      headers.push({ name: name === null ? '' : name.toString('utf8'), value: cursor.bytes() });
    }
    if (cursor.at !== end) throw new RangeError('the size of a record differs from its header');
    records.push({ offset, key, value, headers });
  }
  return records;
}

/** Reads Kafka's variable-length numbers. Throws RangeError at the end of the bytes. */
class Cursor {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * Reads a number in zigzag encoding: the lowest bit is the sign. Numbers up to 2^53 are exact, which is enough for
   * sizes and offsets. Times may be larger and are not used.
   */
  varint(): number {
    let value = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new RangeError('a number has more than 10 bytes');
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError('a value ends after its record');
    return this.#bytes.subarray(from, this.at);
  }
}
