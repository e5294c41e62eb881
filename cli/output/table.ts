import Table from 'cli-table3';

/** One column: its heading, and its content for an item. */
export interface Column<Row> {
  readonly heading: string;
  readonly value: (row: Row) => string | number | bigint;
  /** Use `right` for numbers. Default `left`. */
  readonly align?: 'left' | 'right';
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '   ',
};

/** Renders a table as kubectl does: capital headings, no lines, three spaces between columns. Ends with a newline. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  return createTableWriter(columns).add(rows);
}

/** Makes a table that is printed page by page. Columns may become wider from page to page, but never narrower. */
export function createTableWriter<Row>(columns: readonly Column<Row>[]): { add(rows: readonly Row[]): string } {
  const headings = columns.map(({ heading }) => heading.toUpperCase());
  let widest = headings;
  let isFirst = true;
  return {
    add(rows) {
      const cells = rows.map((row) => columns.map(({ value }) => printable(String(value(row)))));
      for (const row of cells) widest = widest.map((text, at) => longer(text, row[at] ?? ''));
      const table = new Table({
        chars: noBorders,
        style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
        colAligns: columns.map(({ align }) => align ?? 'left'),
      });
      // Add a row with the widest cells so far, so that columns stay as wide as on earlier pages. It is not printed.
      table.push(widest, headings, ...cells);
      const lines = table.toString().replace(/ +$/gm, '').split('\n');
      const printed = lines.slice(isFirst ? 1 : 2);
      isFirst = false;
      return printed.map((line) => `${line}\n`).join('');
    },
  };
}

function longer(one: string, other: string): string {
  return other.length > one.length ? other : one;
}

/** Renders `Name:   value` lines with aligned values. Values of several lines stay in their column. */
export function renderFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 4;
  return fields
    .map(([name, value]) => {
      const lines = value.split('\n').map(printable);
      return `${`${name}:`.padEnd(width)}${lines.join(`\n${' '.repeat(width)}`)}\n`;
    })
    .join('');
}

/**
 * Replaces invisible characters, and characters that control a terminal, by escapes. So two different texts never look
 * the same. Text from other systems may hold control and format characters, characters of no width and unusual spaces.
 * A format character can change the direction of text. A backslash before `u` is doubled for the same reason.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}|\\(?=u)/gu,
    (character) => (character === '\\' ? '\\\\' : escapeOf(character.codePointAt(0) ?? 0)),
  );
}

function escapeOf(codePoint: number): string {
  const hex = codePoint.toString(16);
  return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`;
}
