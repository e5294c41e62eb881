import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastWords } from './lastWords.ts';

const table: readonly { readonly name: string; readonly log: string; readonly words: string }[] = [
  {
    name: 'the last line at level error is used, with its cause and without its time',
    log: [
      '{"level":"info","time":"2026-01-01T00:00:00Z","message":"started"}',
      '{"level":"error","time":"2026-01-01T00:00:01Z","error":{"message":"Secret orders-db, key uri is missing"},"message":"cannot go on"}',
      '{"level":"info","time":"2026-01-01T00:00:02Z","message":"stopped"}',
    ].join('\n'),
    words: 'cannot go on: Secret orders-db, key uri is missing',
  },
  {
    name: 'a thrown error is found above its stack',
    log: 'node:internal/modules\n\nTypeError: boom\n    at main (file.ts:1:1)\n\nNode.js v24.21.0\n',
    words: 'TypeError: boom',
  },
  {
    name: 'all lines of the message of a thrown error are used',
    log: 'EnvironmentError: the environment variables are not valid:\n  A is missing\n  B is missing\n    at main (file.ts:1:1)\n',
    words: 'EnvironmentError: the environment variables are not valid: A is missing B is missing',
  },
  {
    name: 'a list is used with its heading',
    log: 'warming up\nthe environment variables are not valid:\n  A is missing\n  B is missing\n',
    words: 'the environment variables are not valid: A is missing B is missing',
  },
  { name: 'otherwise the last line is used', log: 'exec format error\n\n', words: 'exec format error' },
  {
    name: 'a JSON document that was cut at its beginning is ignored',
    log: '{"level":"error","mess\nlast line',
    words: 'last line',
  },
  { name: 'empty program output gives an empty message', log: ' \n', words: '' },
  { name: 'JSON that is not a log line is used as text', log: '[1, 2]', words: '[1, 2]' },
];

for (const { name, log, words } of table) test(name, () => assert.equal(lastWords(log), words));

test('the text is cut at 512 characters', () => assert.equal(lastWords('x'.repeat(5000)).length, 512));
