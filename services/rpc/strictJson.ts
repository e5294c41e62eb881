import type { JsonValue } from '@bufbuild/protobuf';
import { SumError } from '#core/errors.ts';
import { shorten } from './limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a body that must be JSON in UTF-8 with no key twice in an object: where JSON.parse would take the last, another
 * reader may take the first, and the two would add different numbers. A number in a field named by `decimals` becomes
 * its raw text. Throws SumError `malformed-json`.
 */
export function parseStrictJson(body: Uint8Array, decimals: readonly string[]): JsonValue {
  const text = decodeText(body);
  if (text.trim() === '') throw malformed('the body is empty: send a JSON object');
  const value = parseRaw(text, new Set(decimals));
  const twice = duplicateKey(text);
  if (twice !== undefined) throw malformed(`the key ${shorten(twice)} stands twice in one object`);
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

/** The first key that an object holds twice, as it is written. The text is known to be valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  let lastString = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Escapes are resolved: "\u0061" and "a" are one key.
      const key = String(JSON.parse(lastString));
      const keys = open.at(-1);
      if (keys?.has(key)) return lastString;
      keys?.add(key);
    } else lastString = token;
  }
  return undefined;
}

function malformed(detail: string, cause?: unknown): SumError {
  return new SumError('malformed-json', detail, { cause });
}
