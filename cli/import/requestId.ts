import { createHash } from 'node:crypto';
import { requestIdFromBytes } from '#core/requestId.ts';

const domain = 'sumctl-import-v1';

/**
 * Makes the request id of one row of an import: a UUIDv8 (RFC 9562) from the SHA-256 of the import id and the row's
 * number. An import that is sent twice has the same ids, so nothing is added twice. If the user changes the operands
 * of a row between two runs, the row is a conflict, and the summary shows it.
 *
 * `row` counts data rows from 1: a header, blank lines and line ends do not change the ids.
 */
export function importRequestId(importId: string, row: number): string {
  const bytes = createHash('sha256')
    .update(`${domain}\0${Buffer.byteLength(importId)}\0${importId}\0${row}`)
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6); // version 8
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8); // variant of RFC 9562
  const id = requestIdFromBytes(bytes);
  if (id === undefined) throw new Error('16 bytes do not form a UUID');
  return id;
}

/** Makes the import id of a file when the user gave no id. The id identifies the file's content, byte by byte. */
export function contentImportId(sha256Hex: string): string {
  return `sha256:${sha256Hex}`;
}
