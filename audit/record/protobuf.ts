/**
 * A field of an encoded protobuf message. Only length-delimited values are kept: AdditionRecord has only these.
 */
export interface WireField {
  readonly number: number;
  /** Bytes of the value. Undefined for other wire types, whose values are skipped. */
  readonly bytes: Uint8Array | undefined;
}

/** Parses the fields of a protobuf message. Returns undefined if the bytes are not a message. */
export function readFields(message: Uint8Array): WireField[] | undefined {
  const fields: WireField[] = [];
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    if (tag === undefined) return undefined;
    at = tag.next;
    const number = Number(tag.value >> 3n);
    if (number < 1 || number > 0x1fffffff) return undefined;
    const end = endOfValue(message, at, Number(tag.value & 7n));
    if (end === undefined || end.next > message.length) return undefined;
    fields.push({ number, bytes: end.from === undefined ? undefined : message.subarray(end.from, end.next) });
    at = end.next;
  }
  return fields;
}

function endOfValue(
  message: Uint8Array,
  at: number,
  wireType: number,
): { from: number | undefined; next: number } | undefined {
  switch (wireType) {
    case 0: {
      const value = readVarint(message, at);
      return value && { from: undefined, next: value.next };
    }
    case 1:
      return { from: undefined, next: at + 8 };
    case 2: {
      const length = readVarint(message, at);
      if (length === undefined || length.value > BigInt(message.length)) return undefined;
      return { from: length.next, next: length.next + Number(length.value) };
    }
    case 5:
      return { from: undefined, next: at + 4 };
    default:
      return undefined;
  }
}

function readVarint(message: Uint8Array, start: number): { value: bigint; next: number } | undefined {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = message[start + index];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, next: start + index + 1 };
  }
  return undefined;
}
