import { createHash } from 'node:crypto';
import { equalBytes } from '#core/fingerprint.ts';
import type { LogHeaders, LogRecord } from '#services/eventlog/port.ts';
import type { Anchor } from '#services/ledger/port.ts';

/** Part of the hash, so that a hash of a later algorithm cannot be confused with this one. */
const version = 'sumpipeline anchor 1';

/** Hashes everything that the log stores of a record. The same record has the same anchor in every fetch. */
export function anchorOf(record: LogRecord): Anchor {
  const hash = createHash('sha256');
  /** Adds a part with its length in front, so that different lists of parts never have the same bytes. */
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
    // The bytes are not known, and the wording of the reason may change.
    add('unreadable');
    return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
  }
  add(record.key);
  add(record.value);
  for (const part of partsOf(record.headers ?? {})) add(part);
  return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
}

/** Returns whether the anchor was made of this record, even if the record was unreadable then. */
export function isAnchoredBy(record: LogRecord, { hash }: Anchor): boolean {
  return [record, { ...record, unreadable: '' }].some((one) => equalBytes(anchorOf(one).hash, hash));
}

/** Sorted by name, because clients return headers in different orders. */
function partsOf(headers: LogHeaders): (Uint8Array | string)[] {
  return Object.entries(headers)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, value]) => [name, ...(Array.isArray(value) ? value : [value ?? ''])]);
}
