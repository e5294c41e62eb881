import { Output } from './output.ts';

const magic = 0x184d2204;

/** Unpacks a sequence of LZ4 frames. Their checksums are not compared, because the batch has its own checksum. */
export function unpackLz4(packed: Buffer, bytesMax: number): Buffer {
  const output = new Output(bytesMax);
  for (let at = 0; at < packed.length; ) at = unpackFrame(packed, at, output);
  return output.take();
}

/** Unpacks one frame. Returns the position after it. */
function unpackFrame(packed: Buffer, start: number, output: Output): number {
  if (packed.readUInt32LE(start) !== magic) throw new Error('the data is not an LZ4 frame');
  const flags = packed.readUInt8(start + 4);
  const [isIndependent, hasBlockChecksum] = [(flags & 0x20) !== 0, (flags & 0x10) !== 0];
  const [hasSize, hasChecksum, hasDictionary] = [(flags & 0x08) !== 0, (flags & 0x04) !== 0, (flags & 0x01) !== 0];
  if (hasDictionary) throw new Error('the frame needs a dictionary');
  const frameStart = output.length;
  let at = start + 7 + (hasSize ? 8 : 0);
  for (;;) {
    const length = packed.readUInt32LE(at);
    at += 4;
    if (length === 0) return at + (hasChecksum ? 4 : 0);
    // The highest bit marks a block that is not compressed.
    const bytes = length & 0x7fffffff;
    if (at + bytes > packed.length) throw new Error('a block ends after the end of the data');
    const block = packed.subarray(at, at + bytes);
    if (length > 0x7fffffff) output.append(block, 0, bytes);
    else unpackBlock(block, output, isIndependent ? output.length : frameStart);
    at += bytes + (hasBlockChecksum ? 4 : 0);
  }
}

function unpackBlock(block: Buffer, output: Output, floor: number): void {
  let at = 0;
  const lengthOf = (short: number): number => {
    if (short < 15) return short;
    let length = 15;
    for (;;) {
      const byte = block.readUInt8(at++);
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = lengthOf(token >> 4);
    output.append(block, at, literals);
    at += literals;
    // The last sequence has only literals.
    if (at >= block.length) return;
    const distance = block.readUInt16LE(at);
    at += 2;
    output.repeat(distance, lengthOf(token & 15) + 4, floor);
  }
}
