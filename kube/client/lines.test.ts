import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineTooLongError, splitLines } from './lines.ts';

async function* stream(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

async function linesOf(chunks: Uint8Array[], lineBytesMax = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(stream(chunks), lineBytesMax)) lines.push(line);
  return lines;
}

test('lines and characters are whole, wherever chunks of the stream end', async () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\n'));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat(200)), async (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const borders = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
      const chunks = borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
      assert.deepEqual(
        await linesOf(chunks),
        lines.map((text) => Buffer.from(text).toString()),
      );
    }),
  );
});

test('empty lines are skipped and a last line without its end is dropped', async () => {
  assert.deepEqual(await linesOf([Buffer.from('a\n\n\nb\n{"cut')]), ['a', 'b']);
});

test('a line above the limit is refused before it is in memory', async () => {
  const endless = Array.from({ length: 100 }, () => Buffer.alloc(50, 'x'));
  await assert.rejects(linesOf(endless, 120), LineTooLongError);
  await assert.rejects(linesOf([Buffer.from(`${'x'.repeat(121)}\n`)], 120), LineTooLongError);
  assert.deepEqual(await linesOf([Buffer.from(`${'x'.repeat(120)}\n`)], 120), ['x'.repeat(120)]);
});
