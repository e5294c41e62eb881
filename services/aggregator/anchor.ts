import { createHash } from 'node:crypto';
import { equalBytes } from '#core/fingerprint.ts';
import type { LogHeaders, LogRecord } from '#services/eventlog/port.ts';
import type { Anchor } from '#services/ledger/port.ts';

/** Name of this algorithm. It is part of the hash, so that hashes of different algorithms always differ. */
const version = 'sumpipeline anchor 1';

/** Hashes everything that Kafka stores of a record. The same record has the same anchor in every fetch. */
export function anchorOf(record: LogRecord): Anchor {
  const hash = createHash('sha256');
  /** Hashes the length of the part before the part, so that different lists of parts never have the same bytes. */
  const add = (part: Uint8Array | string | null) => {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes === null ? -1 : bytes.length);
    hash.update(length);
    if (bytes !== null) hash.update(bytes);
  };
  add(version);
  add(String(record.offset));
  add(String(record.appendedAt));
  if (record.unreadable !== undefined) {
    // The record's bytes are not known. Do not hash why it is unreadable: a later version may change that text.
    add('unreadable');
    return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
  }
  add(record.key);
  add(record.value);
  for (const part of partsOf(record.headers ?? {})) add(part);
  return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
}

/** Returns whether the anchor was made from this record, also if the record was unreadable at that time. */
export function isAnchoredBy(record: LogRecord, { hash }: Anchor): boolean {
  return [record, { ...record, unreadable: '' }].some((one) => equalBytes(anchorOf(one).hash, hash));
}

/** Returns names and values of the headers, sorted by name, because Kafka clients order headers differently. */
function partsOf(headers: LogHeaders): (Uint8Array | string)[] {
  return Object.entries(headers)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, value]) => [name, ...(Array.isArray(value) ? value : [value ?? ''])]);
}
