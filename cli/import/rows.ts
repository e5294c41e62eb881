import { CliError, exitCodes } from '#cli/exit.ts';
import { type CsvFields, parseCsvLine } from './csv.ts';
import type { Line } from './lines.ts';
import { parseNdjsonLine } from './ndjson.ts';

export const rowFormats = ['csv', 'ndjson'] as const;
export type RowFormat = (typeof rowFormats)[number];

interface RowPlace {
  /** Line of the file, from 1. */
  readonly line: number;
  /** Data row, from 1. The request id is made from this number. */
  readonly row: number;
}

/** One row of the input. Its operands are not checked yet. */
export type Row = RowPlace &
  (
    | {
        readonly kind: 'addition';
        readonly series: string;
        readonly a: string;
        readonly b: string;
        readonly text: string;
      }
    | { readonly kind: 'bad'; readonly problem: string; readonly text: string }
  );

/**
 * Turns lines into rows. Blank lines and a CSV header are skipped. A bad row is returned as an item, and the rows
 * after it are still read.
 */
export async function* readRows(lines: AsyncIterable<Line>, format: RowFormat): AsyncGenerator<Row> {
  const parse = format === 'csv' ? createCsvReader() : parseNdjson;
  let row = 0;
  for await (const line of lines) {
    if ('problem' in line) {
      row += 1;
      yield { kind: 'bad', line: line.number, row, problem: line.problem, text: line.start };
      continue;
    }
    if (line.text.trim() === '') continue;
    const parsed = parse(line.text);
    if (parsed === 'header') continue;
    row += 1;
    yield { ...parsed, line: line.number, row, text: line.text };
  }
}

type Parsed =
  | { readonly kind: 'addition'; readonly series: string; readonly a: string; readonly b: string }
  | { readonly kind: 'bad'; readonly problem: string };

function parseNdjson(text: string): Parsed {
  const parsed = parseNdjsonLine(text);
  if (!parsed.ok) return { kind: 'bad', problem: parsed.problem };
  return { kind: 'addition', series: parsed.series, a: parsed.a, b: parsed.b };
}

const columns = ['series', 'a', 'b'] as const;

/**
 * Makes a parser for the lines of one file, in order. It remembers the order of the columns, which the header may
 * change.
 */
function createCsvReader(): (text: string) => Parsed | 'header' {
  let order: readonly number[] | undefined;
  return (text) => {
    const parsed = parseCsvLine(text);
    if (order === undefined) {
      const header = readHeader(parsed);
      order = header ?? [0, 1, 2];
      if (header !== undefined) return 'header';
    }
    if (!parsed.ok) return { kind: 'bad', problem: parsed.problem };
    const { fields } = parsed;
    if (fields.length !== columns.length) return { kind: 'bad', problem: describeColumns(fields, text) };
    const [series = '', a = '', b = ''] = order.map((at) => fields[at]);
    return { kind: 'addition', series, a, b };
  };
}

/**
 * Returns the positions of the columns series, a and b. Returns undefined if the first row is data and not a header.
 * A row of data cannot look like a header, because the words `a` and `b` are not decimals.
 */
function readHeader(parsed: CsvFields): readonly number[] | undefined {
  if (!parsed.ok) return undefined;
  const names = parsed.fields.map((field) => field.trim().toLowerCase());
  if (!names.includes('a') || !names.includes('b')) return undefined;
  const order = columns.map((column) => names.indexOf(column));
  if (names.length === columns.length && !order.includes(-1)) return order;
  throw new CliError(exitCodes.failed, `the header names ${names.join(', ')}, but the columns must be series, a, b`, {
    hint: 'Nothing was sent. Keep these three columns, in any order, or remove the header and write series,a,b.',
  });
}

function describeColumns(fields: readonly string[], text: string): string {
  const count = `has ${fields.length} ${fields.length === 1 ? 'column' : 'columns'}; a row is series,a,b`;
  const separator = /[;\t|]/.exec(text)?.[0];
  if (fields.length !== 1 || separator === undefined) return count;
  return `${count}, separated by commas (this one looks separated by ${separator === '\t' ? 'tabs' : separator})`;
}
