import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { detectFormat } from './detect.ts';

const table: [name: string, head: string, format: 'csv' | 'ndjson'][] = [
  ['x.csv', '{odd,1,2', 'csv'],
  ['x.CSV', '', 'csv'],
  ['x.ndjson', 'x', 'ndjson'],
  ['x.jsonl', '', 'ndjson'],
  ['x.json', '{"a":"1","b":"2"}\n', 'ndjson'],
  ['x', '\n  {"a":"1"', 'ndjson'],
  ['x', '\uFEFF{"a":"1"', 'ndjson'],
  ['x', 'series,a,b\n', 'csv'],
  ['x.txt', '[eu],1,2\n', 'csv'],
  ['standard input', 'PKW,1,2', 'csv'],
  ['x', '', 'csv'],
];

for (const [name, head, format] of table) {
  test(`${name} beginning with ${JSON.stringify(head)} is ${format}`, () => {
    assert.equal(detectFormat(name, Buffer.from(head)), format);
  });
}

const refused: [what: string, head: Uint8Array, message: RegExp][] = [
  ['gzip', gzipSync('series,a,b\n'), /compressed with gzip/],
  ['UTF-16', Buffer.from('\uFEFFseries', 'utf16le'), /UTF-16/],
  ['a spreadsheet', Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), /ZIP archive/],
  ['a JSON array', Buffer.from('[\n  {"a":"1"}'), /JSON array/],
];

for (const [what, head, message] of refused) {
  test(`${what} is refused before anything is sent`, () => {
    assert.throws(() => detectFormat('x.csv', head), message);
  });
}
