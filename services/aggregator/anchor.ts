import { createHash } from 'node:crypto';
import { equalBytes } from '#core/fingerprint.ts';
import type { LogHeaders, LogRecord } from '#services/eventlog/port.ts';
import type { Anchor } from '#services/ledger/port.ts';

/** Into the hash, so that a later way to make it cannot be taken for this one. */
const version = 'sumpipeline anchor 1';

/** Fingerprints a record with all that the log keeps of it. The same record gives the same anchor in every fetch. */
export function anchorOf(record: LogRecord): Anchor {
  const hash = createHash('sha256');
  /** With its length in front, so that no two lists of parts give the same bytes. */
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
    // Its bytes are not known, and the reason is our own wording.
    add('unreadable');
    return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
  }
  add(record.key);
  add(record.value);
  for (const part of partsOf(record.headers ?? {})) add(part);
  return { leaderEpoch: record.leaderEpoch, hash: hash.digest() };
}

/** Whether a record is the one that the anchor was made of, also when it could not be read then. */
export function isAnchoredBy(record: LogRecord, { hash }: Anchor): boolean {
  return [record, { ...record, unreadable: '' }].some((one) => equalBytes(anchorOf(one).hash, hash));
}

/** By name: clients differ in the order in which they tell headers. */
function partsOf(headers: LogHeaders): (Uint8Array | string)[] {
  return Object.entries(headers)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, value]) => [name, ...(Array.isArray(value) ? value : [value ?? ''])]);
}
