import { type DescMessage, fromBinary, fromJson, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { isFieldError } from '@bufbuild/protobuf/reflect';
import { invalidField, SumError } from '#core/errors.ts';
import { shorten } from './limits.ts';

/** Decodes a message from its JSON mapping. Throws SumError that names an unknown field or a field of a wrong type. */
export function decodeJson<Desc extends DescMessage>(schema: Desc, json: JsonValue): MessageShape<Desc> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new SumError('malformed-json', 'the body must be a JSON object');
  }
  const unknown = Object.keys(json).find((key) => !knowsKey(schema, key));
  if (unknown !== undefined) {
    const known = schema.fields.map(({ jsonName }) => jsonName).join(', ');
    throw invalidField(shorten(unknown), `is not a field of this request; its fields are ${known}`);
  }
  try {
    return fromJson(schema, json, { ignoreUnknownFields: false });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Error && isFieldError(cause)) {
      const field = cause.field();
      throw new SumError('invalid-field', `${jsonNameOf(field)} is not valid: ${cause.message}`, {
        field: jsonNameOf(field),
        cause: error,
      });
    }
    throw new SumError('invalid-field', error instanceof Error ? error.message : 'the request is not valid', {
      cause: error,
    });
  }
}

/** Decodes a message from its bytes. Ignores unknown fields, as usual in protobuf. Throws SumError. */
export function decodeBinary<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new SumError('invalid-field', `the request is not a valid ${schema.typeName}`, { cause: error });
  }
}

function knowsKey(schema: DescMessage, key: string): boolean {
  return schema.fields.some(({ name, jsonName }) => name === key || jsonName === key);
}

function jsonNameOf(field: { name: string; jsonName?: string }): string {
  return field.jsonName ?? field.name;
}
