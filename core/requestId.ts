/**
 * Number of bytes of a request id. A request id is the client's idempotency key: a UUID of any version. Its canonical
 * text is lower case.
 */
const requestIdBytesLength = 16;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const nilUuid = '00000000-0000-0000-0000-000000000000';

/** Returns what is wrong with a request id, such as "is missing: ...". Undefined if the id is valid. */
export function requestIdProblem(text: string): string | undefined {
  if (text === '') return 'is missing: send a UUID of your own and use the same one when you retry';
  if (!uuidPattern.test(text)) return 'must be a UUID such as "0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e"';
  // A client that never sets the id may always send zeros. Then all its additions would count as one.
  if (text === nilUuid) return 'must not be the nil UUID: it would merge different additions';
  return undefined;
}

export function canonicalRequestId(text: string): string {
  return text.toLowerCase();
}

/** Returns the 16 bytes of a valid UUID. */
export function requestIdToBytes(requestId: string): Uint8Array {
  return Uint8Array.from(Buffer.from(requestId.replaceAll('-', ''), 'hex'));
}

/** Returns the canonical text of 16 bytes. Undefined for any other length. */
export function requestIdFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length !== requestIdBytesLength) return undefined;
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
