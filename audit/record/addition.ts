import { createHash } from 'node:crypto';
import { type Amount, add, formatAmount, isWithinLimits, parseOperand } from './amount.ts';
import { readFields } from './protobuf.ts';

/** An addition in the log. `value` is a + b, computed by the auditor. */
export interface LoggedAddition {
  /** Request id as canonical text: lower case with dashes. */
  readonly requestId: string;
  readonly series: string;
  readonly a: Amount;
  readonly b: Amount;
  readonly value: Amount;
}

export interface RecordBytes {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array | null }[];
}

export type Decoded =
  | { readonly isAddition: true; readonly addition: LoggedAddition }
  | { readonly isAddition: false; readonly reason: string };

const schemaHeader = 'sumpipeline-schema';
const schemaVersion = '1';
const fieldNumbers = { requestId: 1, series: 2, a: 3, b: 4, result: 5, fingerprint: 6 } as const;
const seriesBytesMax = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** Decodes one record by the contract of the log (header, protobuf value, fingerprint) with the auditor's own code. */
export function decodeAddition({ key, value, headers }: RecordBytes): Decoded {
  const schemas = headers.filter(({ name }) => name === schemaHeader);
  const [schema] = schemas;
  if (schema === undefined || schemas.length > 1) return invalid(`it has ${schemas.length} headers ${schemaHeader}`);
  const version = schema.value === null ? '' : Buffer.from(schema.value).toString('latin1');
  if (version !== schemaVersion) return invalid(`its schema is not ${schemaVersion}`);
  if (value === null) return invalid('it has no value');
  const fields = readFields(value);
  if (fields === undefined) return invalid('its value is not a protobuf message');
  const bytes = (number: number) => fields.findLast((field) => field.number === number)?.bytes ?? new Uint8Array();
  const known = Object.values<number>(fieldNumbers);
  if (fields.some((field) => field.bytes === undefined && known.includes(field.number))) {
    return invalid('a field has another type than AdditionRecord says');
  }

  const id = bytes(fieldNumbers.requestId);
  if (id.length !== 16) return invalid('its request_id does not have 16 bytes');
  if (key === null || !Buffer.from(key).equals(id)) return invalid('its key is not its request_id');
  if (id.every((byte) => byte === 0)) return invalid('its request_id is the nil UUID');
  const [series, aText, bText, resultText] = [
    utf8(bytes(fieldNumbers.series)),
    utf8(bytes(fieldNumbers.a)),
    utf8(bytes(fieldNumbers.b)),
    utf8(bytes(fieldNumbers.result)),
  ];
  if (series === undefined || aText === undefined || bText === undefined || resultText === undefined) {
    return invalid('a text in it is not UTF-8');
  }
  const seriesBytes = bytes(fieldNumbers.series).length;
  if (seriesBytes === 0 || seriesBytes > seriesBytesMax || controlCharacter.test(series)) {
    return invalid('its series is not a valid name');
  }
  const [a, b] = [parseOperand(aText), parseOperand(bText)];
  if (a === undefined || b === undefined) return invalid('an operand is not a canonical decimal');
  const sum = add(a, b);
  if (!isWithinLimits(sum)) return invalid('its result has more than 38 digits');
  if (formatAmount(sum) !== resultText) return invalid('its result is not a + b');
  if (!fingerprint([series, aText, bText]).equals(bytes(fieldNumbers.fingerprint))) {
    return invalid('its fingerprint does not match its operands');
  }
  return { isAddition: true, addition: { requestId: formatId(id), series, a, b, value: sum } };
}

/** Returns the first 16 bytes of the SHA-256 over length and UTF-8 of each part. */
function fingerprint(parts: readonly string[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const length = bytes.length;
    hash.update(Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255)).update(bytes);
  }
  return hash.digest().subarray(0, 16);
}

function formatId(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function invalid(reason: string): Decoded {
  return { isAddition: false, reason };
}
