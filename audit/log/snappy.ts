import { Output } from './output.ts';

const xerialMagic = Buffer.from('\x82SNAPPY\0', 'latin1');
const xerialHeaderBytes = 16;

/** Unpacks snappy: one block, or many blocks with their length first, as Java clients write them (xerial). */
export function unpackSnappy(packed: Buffer, bytesMax: number): Buffer {
  const output = new Output(bytesMax);
  if (!packed.subarray(0, xerialMagic.length).equals(xerialMagic)) {
    unpackBlock(packed, output);
    return output.take();
  }
  for (let at = xerialHeaderBytes; at < packed.length; ) {
    const length = packed.readInt32BE(at);
    if (length < 0 || at + 4 + length > packed.length) throw new Error('a block ends after the end of the data');
    unpackBlock(packed.subarray(at + 4, at + 4 + length), output);
    at += 4 + length;
  }
  return output.take();
}

function unpackBlock(block: Buffer, output: Output): void {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block.readUInt8(at++);
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
    if (shift > 28) throw new Error('the size of a block is not a number');
  }
  const end = output.length + size;
  const start = output.length;
  while (at < block.length) {
    const tag = block.readUInt8(at++);
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const lengthBytes = short < 60 ? 0 : short - 59;
      const length = (lengthBytes === 0 ? short : block.readUIntLE(at, lengthBytes)) + 1;
      at += lengthBytes;
      output.append(block, at, length);
      at += length;
    } else if (kind === 1) {
      output.repeat(((tag >> 5) << 8) | block.readUInt8(at), ((tag >> 2) & 7) + 4, start);
      at += 1;
    } else {
      const distanceBytes = kind === 2 ? 2 : 4;
      output.repeat(block.readUIntLE(at, distanceBytes), (tag >> 2) + 1, start);
      at += distanceBytes;
    }
  }
  if (output.length !== end) throw new Error('the size of a block differs from its header');
}
