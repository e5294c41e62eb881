import { isUtf8 } from 'node:buffer';

/** One line of the input, without its line end. */
export type Line =
  | { readonly number: number; readonly text: string }
  /** A line that is too long or not UTF-8. `start` has its first bytes, for messages. Later lines are still read. */
  | { readonly number: number; readonly problem: string; readonly start: string };

/**
 * Maximum length of a line in bytes. The longest valid row, a series of 200 bytes and two decimals of 128 bytes, is
 * far shorter.
 */
export const lineBytesMax = 64 * 1024;

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const newline = 0x0a;
const carriageReturn = 0x0d;
/** Number of bytes at the start of a bad line that are shown. */
const shownCharacters = 80;

/**
 * Cuts bytes into lines at LF or CRLF, with memory for one line only. A line above `lineBytesMax` is reported without
 * its text. A UTF-8 byte order mark at the start of any line is dropped: `cat a.csv b.csv` may put a mark inside the
 * output. Otherwise the mark would become part of a series, and two different series would look the same.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let number = 1;
  let kept: Buffer[] = [];
  let keptBytes = 0;
  let seenBytes = 0;
  const take = (part: Buffer) => {
    seenBytes += part.length;
    if (keptBytes >= lineBytesMax + 1) return;
    // Copy, because the stream may use its buffer again.
    const head = Buffer.from(part.subarray(0, lineBytesMax + 1 - keptBytes));
    kept.push(head);
    keptBytes += head.length;
  };
  const end = (): Line => {
    const line = toLine(number, kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept), seenBytes);
    number += 1;
    kept = [];
    keptBytes = 0;
    seenBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
      take(bytes.subarray(from, at));
      from = at + 1;
      yield end();
    }
    if (from < bytes.length) take(bytes.subarray(from));
  }
  if (seenBytes > 0) yield end();
}

function toLine(number: number, bytes: Buffer, length: number): Line {
  let line = bytes.subarray(0, byteOrderMark.length).equals(byteOrderMark)
    ? bytes.subarray(byteOrderMark.length)
    : bytes;
  if (line.at(-1) === carriageReturn) line = line.subarray(0, -1);
  const start = () => line.subarray(0, shownCharacters).toString('utf8');
  if (length > lineBytesMax) {
    return { number, problem: `has ${length} bytes; a row has at most ${lineBytesMax}`, start: start() };
  }
  if (!isUtf8(line)) return { number, problem: 'is not valid UTF-8', start: start() };
  return { number, text: line.toString('utf8') };
}
