import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { compressionsAlgorithms } from '@platformatic/kafka';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';
import { UnpackError, unpack } from './unpack.ts';

const { gzip, snappy, lz4, zstd } = compressionsAlgorithms;
const codecs = [
  ['gzip', 1, gzip],
  ['snappy', 2, snappy],
  ['lz4', 3, lz4],
  ['zstd', 4, zstd],
] as const;

const texts: Readonly<Record<string, Buffer>> = {
  'one byte': Buffer.from('a'),
  'a repeated byte': Buffer.alloc(300_000, 'a'),
  'words that repeat': Buffer.from(Array.from({ length: 20_000 }, (_, index) => `series-${index % 97} `).join('')),
  'random bytes': randomBytes(100_000),
};

describe('a packed batch', () => {
  for (const [name, number, { compressSync }] of codecs) {
    for (const [what, text] of Object.entries(texts)) {
      test(`of ${name} with ${what} is unpacked`, () =>
        assert.deepEqual(unpack(number, Buffer.from(compressSync(text))), text));
    }

    test(`of ${name} that unpacks to more than 16 MB is refused`, () => {
      const bomb = Buffer.from(compressSync(Buffer.alloc(17 * 1024 * 1024)));
      assert.throws(() => unpack(number, bomb), UnpackError);
    });

    test(`of ${name} that is cut off or changed is refused or gives other bytes, but never hangs`, () => {
      const packed = Buffer.from(compressSync(texts['words that repeat'] ?? Buffer.alloc(0)));
      assert.throws(() => unpack(number, packed.subarray(0, packed.length / 2)), UnpackError);
      for (let at = 0; at < Math.min(packed.length, 2_000); at++) {
        const changed = Buffer.from(packed);
        changed.writeUInt8(changed.readUInt8(at) ^ 0xff, at);
        try {
          unpack(number, changed);
        } catch (error) {
          assert.ok(error instanceof UnpackError, String(error));
        }
      }
    });
  }

  test('of snappy may have blocks that begin with their length, as Java writes them', () => {
    const parts = [texts['words that repeat'], texts['one byte']].map((part) => part ?? Buffer.alloc(0));
    const blocks = parts.flatMap((part) => {
      const block = Buffer.from(snappy.compressSync(part));
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      return [length, block];
    });
    const header = Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
    assert.deepEqual(unpackSnappy(Buffer.concat([header, ...blocks]), 1_000_000), Buffer.concat(parts));
  });

  test('of snappy must have the size that it says', () => {
    assert.throws(() => unpackSnappy(Buffer.from([5, 0, 0x61]), 100), /differs from its header/);
    assert.throws(() => unpackSnappy(Buffer.from([4, 0, 0x61, 0x01, 0x09]), 100), /bytes before its start/);
  });

  test('of lz4 needs its magic number and no dictionary', () => {
    assert.throws(() => unpackLz4(Buffer.from('not lz4 at all'), 100), /not an LZ4 frame/);
    assert.throws(() => unpackLz4(Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x61, 0x40, 0, 0, 0, 0, 0]), 100), /dictionary/);
  });

  test('of an unknown codec is named', () => {
    assert.throws(() => unpack(7, Buffer.alloc(1)), /packed with codec 7, which the auditor does not read/);
  });
});
