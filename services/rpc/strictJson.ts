import type { JsonValue } from '@bufbuild/protobuf';
import { SumError } from '#core/errors.ts';
import { findRepeatedKey } from '#platform/repeatedKey.ts';
import { shorten } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a body that must be JSON in UTF-8, without repeated keys in an object. If a field of `decimals` is a number,
 * its text in the body is returned, with all digits. Throws SumError `malformed-json`.
 */
export function parseStrictJson(body: Uint8Array, decimals: readonly string[]): JsonValue {
  const text = decodeText(body);
  if (text.trim() === '') throw malformed('the body is empty: send a JSON object');
  const value = parseRaw(text, new Set(decimals));
  const twice = findRepeatedKey(text);
  if (twice !== undefined) throw malformed(`the key ${shorten(twice)} occurs twice in one object`);
  return value;
}

function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch (error) {
    throw malformed('the body is not UTF-8', error);
  }
}

function parseRaw(text: string, decimals: ReadonlySet<string>): JsonValue {
  try {
    return JSON.parse(text, (key: string, value: JsonValue, context?: { source?: string }) =>
      typeof value === 'number' && decimals.has(key) ? (context?.source ?? value) : value,
    );
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : 'not JSON', error);
  }
}

function malformed(detail: string, cause?: unknown): SumError {
  return new SumError('malformed-json', detail, { cause });
}
