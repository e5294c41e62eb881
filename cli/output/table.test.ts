import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, renderTable } from './table.ts';

const shown: [text: string, shown: string][] = [
  ['orders', 'orders'],
  ['Größe 日本 😀', 'Größe 日本 😀'],
  ['a\u001b[2Jb', 'a\\u001b[2Jb'],
  ['\u202eabc', '\\u202eabc'],
  ['\u2066abc\u2069', '\\u2066abc\\u2069'],
  ['a\u200bb', 'a\\u200bb'],
  ['\ufefforders', '\\ufefforders'],
  ['a\u00adb', 'a\\u00adb'],
  ['a\u00a0b\u3000c', 'a\\u00a0b\\u3000c'],
  ['a\u2028b', 'a\\u2028b'],
  ['a\u3164b', 'a\\u3164b'],
  ['a\u{e0041}b', 'a\\u{e0041}b'],
  ['a\ufe0fb', 'a\\ufe0fb'],
  ['\\u202e', '\\\\u202e'],
  ['C:\\path', 'C:\\path'],
];

for (const [text, wanted] of shown) {
  test(`${JSON.stringify(text)} is shown as ${wanted}`, () => assert.equal(printable(text), wanted));
}

test('two series that look the same differ in a table', () => {
  const table = renderTable([{ heading: 'Series', value: (name: string) => name }], ['orders', 'or\u200bders']);
  assert.deepEqual(table.split('\n').slice(1, 3), ['orders', 'or\\u200bders']);
});
