/** The fields of one CSV line, or the reason why the line is invalid. */
export type CsvFields =
  | { readonly ok: true; readonly fields: string[] }
  | { readonly ok: false; readonly problem: string };

/**
 * Splits one line as RFC 4180 does: commas, fields in double quotes, a doubled quote inside them, spaces kept.
 *
 * Each line is parsed alone, because a series never contains a line end. So a missing quote makes only one bad row. A
 * parser that allows line ends in quotes would read all following lines as part of this row.
 */
export function parseCsvLine(line: string): CsvFields {
  if (!line.includes('"')) return { ok: true, fields: line.split(',') };
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      const quoted = readQuoted(line, at + 1);
      if (quoted === undefined) return { ok: false, problem: 'a quote is not closed on this line' };
      fields.push(quoted.text);
      at = quoted.next;
      if (at < line.length && line[at] !== ',') {
        return { ok: false, problem: `a comma must follow the closing quote, not "${line.slice(at, at + 10)}"` };
      }
    } else {
      const comma = line.indexOf(',', at);
      const text = line.slice(at, comma === -1 ? line.length : comma);
      if (text.includes('"')) {
        return {
          ok: false,
          problem: 'a field contains a quote: put the whole field in quotes and double the quote',
        };
      }
      fields.push(text);
      at += text.length;
    }
    if (at >= line.length) return { ok: true, fields };
    at += 1; // the comma
  }
}

function readQuoted(line: string, from: number): { text: string; next: number } | undefined {
  let text = '';
  let at = from;
  for (;;) {
    const quote = line.indexOf('"', at);
    if (quote === -1) return undefined;
    text += line.slice(at, quote);
    if (line[quote + 1] !== '"') return { text, next: quote + 1 };
    text += '"';
    at = quote + 2;
  }
}
