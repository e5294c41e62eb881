import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collect } from '#cli/testing/collect.ts';
import { type Line, lineBytesMax, readLines } from './lines.ts';

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<Line[]> {
  const stream = (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk);
  })();
  return await collect(readLines(stream));
}

const textsOf = (lines: Line[]) => lines.map((line) => ('text' in line ? line.text : `! ${line.problem}`));

const table: { name: string; chunks: (string | Uint8Array)[]; texts: string[] }[] = [
  { name: 'empty input has no lines', chunks: [], texts: [] },
  { name: 'an empty chunk has no lines', chunks: [''], texts: [] },
  { name: 'LF ends a line', chunks: ['a\nb\n'], texts: ['a', 'b'] },
  { name: 'CRLF ends a line', chunks: ['a\r\nb\r\n'], texts: ['a', 'b'] },
  { name: 'the last line needs no end', chunks: ['a\nb'], texts: ['a', 'b'] },
  { name: 'empty lines are lines', chunks: ['a\n\n\nb'], texts: ['a', '', '', 'b'] },
  { name: 'a line may come in several chunks', chunks: ['a', 'b', 'c\nd', 'e'], texts: ['abc', 'de'] },
  { name: 'a CR and its LF may be in two chunks', chunks: ['a\r', '\nb'], texts: ['a', 'b'] },
  {
    name: 'a character may be split between two chunks',
    chunks: [Buffer.from('é\n').subarray(0, 1), Buffer.from('é\n').subarray(1)],
    texts: ['é'],
  },
  { name: 'a byte order mark at the start is dropped', chunks: ['\uFEFFa\nb'], texts: ['a', 'b'] },
  {
    name: 'a byte order mark at the start of any line is dropped, where cat puts it',
    chunks: ['a\n\uFEFFb'],
    texts: ['a', 'b'],
  },
  { name: 'a byte order mark inside a line is text', chunks: ['a\uFEFFb'], texts: ['a\uFEFFb'] },
  { name: 'NUL is text: the validator refuses it and names its position', chunks: ['a\0b\nc'], texts: ['a\0b', 'c'] },
  { name: 'a CR inside a line stays', chunks: ['a\rb\n'], texts: ['a\rb'] },
  {
    name: 'bytes that are not UTF-8 are one bad line',
    chunks: [Buffer.from([0x61, 0xff, 0x0a, 0x62])],
    texts: ['! is not valid UTF-8', 'b'],
  },
];

for (const { name, chunks, texts } of table) {
  test(name, async () => {
    assert.deepEqual(textsOf(await linesOf(...chunks)), texts);
  });
}

test('line numbers count every line from 1', async () => {
  assert.deepEqual(
    (await linesOf('a\n\nb')).map(({ number }) => number),
    [1, 2, 3],
  );
});

test('a line of the longest length is read, one byte more is reported, and the next line is read', async () => {
  const longest = 'x'.repeat(lineBytesMax);
  const lines = await linesOf(`${longest}\n${longest}x\nok`);
  assert.deepEqual(textsOf(lines), [
    longest,
    `! has ${lineBytesMax + 1} bytes; a row has at most ${lineBytesMax}`,
    'ok',
  ]);
});

test('a very long line needs no memory and is reported with its length', async () => {
  const chunk = Buffer.alloc(1 << 20, 'x');
  const stream = (async function* () {
    for (let count = 0; count < 64; count++) yield chunk;
    yield Buffer.from('\nok');
  })();
  const before = process.memoryUsage().arrayBuffers;
  const lines = await collect(readLines(stream));
  assert.deepEqual(textsOf(lines), [`! has ${64 << 20} bytes; a row has at most ${lineBytesMax}`, 'ok']);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 << 20, 'the line was not kept');
});
