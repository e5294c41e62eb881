/** Thrown if a line is longer than the limit. The reader cannot continue after it. */
export class LineTooLongError extends Error {
  constructor(lineBytesMax: number) {
    super(`a line of the stream is longer than ${lineBytesMax} bytes`);
    this.name = 'LineTooLongError';
  }
}

/**
 * Splits a byte stream into lines without their `\n`. Decodes only whole lines, because a chunk may end within a
 * character. Skips empty lines, and drops a last line without `\n`, because it is not complete. Throws
 * LineTooLongError.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, lineBytesMax: number): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const last = chunk.subarray(from, end);
      if (length + last.length > lineBytesMax) throw new LineTooLongError(lineBytesMax);
      if (length + last.length > 0) yield decoder.decode(joined(pieces, last));
      pieces = [];
      length = 0;
      from = end + 1;
    }
    const rest = chunk.subarray(from);
    if (rest.length === 0) continue;
    length += rest.length;
    if (length > lineBytesMax) throw new LineTooLongError(lineBytesMax);
    pieces.push(rest);
  }
}

const newline = 0x0a;

function joined(pieces: Uint8Array[], last: Uint8Array): Uint8Array {
  return pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
}
