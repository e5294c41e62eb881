import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCsvLine } from './csv.ts';

const good: [line: string, fields: string[]][] = [
  ['a,1,2', ['a', '1', '2']],
  [',1,2', ['', '1', '2']],
  ['a', ['a']],
  ['a,', ['a', '']],
  ['"a","1","2"', ['a', '1', '2']],
  ['"a,b",1,2', ['a,b', '1', '2']],
  ['"say ""hi""",1,2', ['say "hi"', '1', '2']],
  ['"",1,2', ['', '1', '2']],
  ['""""', ['"']],
  ['a,"1",', ['a', '1', '']],
  [' a , 1,2 ', [' a ', ' 1', '2 ']],
];

for (const [line, fields] of good) {
  test(`${line} has the fields ${JSON.stringify(fields)}`, () => {
    assert.deepEqual(parseCsvLine(line), { ok: true, fields });
  });
}

const bad: [line: string, problem: RegExp][] = [
  ['"a,1,2', /not closed/],
  ['a,"1,2', /not closed/],
  ['"a""', /not closed/],
  ['"a"b,1,2', /a comma must follow the closing quote, not "b,1,2"/],
  ['a"b,1,2', /a field contains a quote/],
  [' "a",1,2', /a field contains a quote/],
];

for (const [line, problem] of bad) {
  test(`${line} is refused`, () => {
    const parsed = parseCsvLine(line);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, problem);
  });
}
