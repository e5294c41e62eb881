import { findRepeatedKey } from '#platform/repeatedKey.ts';

/** The content of one NDJSON line. A number is its raw text, so that no digit is lost. */
export type NdjsonRow =
  | { readonly ok: true; readonly series: string; readonly a: string; readonly b: string }
  | { readonly ok: false; readonly problem: string };

/** A number as its text. A separate class distinguishes `{"series": 5}` from `{"series": "5"}`. */
class RawNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const names = ['series', 'a', 'b'] as const;

/** Parses `{"series": "orders", "a": "1.10", "b": 2}`; `series` may be left out. */
export function parseNdjsonLine(line: string): NdjsonRow {
  let value: unknown;
  try {
    value = JSON.parse(line, (_key, item: unknown, context?: { source?: string }) =>
      typeof item === 'number' ? new RawNumber(context?.source ?? String(item)) : item,
    );
  } catch (error) {
    return { ok: false, problem: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof RawNumber) {
    return { ok: false, problem: 'must be a JSON object such as {"series": "orders", "a": "1.10", "b": "2"}' };
  }
  const repeated = findRepeatedKey(line);
  if (repeated !== undefined) {
    return { ok: false, problem: `has the key ${repeated} twice; keep one of them` };
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const unknown = [...fields.keys()].find((name) => !names.some((known) => known === name));
  if (unknown !== undefined)
    return { ok: false, problem: `has the unknown field "${unknown}"; the known fields are series, a, b` };
  const series = fields.get('series') ?? '';
  if (typeof series !== 'string') return { ok: false, problem: 'series must be a string' };
  const a = operandText(fields.get('a'));
  const b = operandText(fields.get('b'));
  if (a === undefined) return { ok: false, problem: 'a must be a decimal, as a string or a number' };
  if (b === undefined) return { ok: false, problem: 'b must be a decimal, as a string or a number' };
  return { ok: true, series, a, b };
}

function operandText(value: unknown): string | undefined {
  if (value instanceof RawNumber) return value.text;
  return typeof value === 'string' ? value : undefined;
}
