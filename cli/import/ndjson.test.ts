import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNdjsonLine } from './ndjson.ts';

const good: [line: string, row: { series: string; a: string; b: string }][] = [
  ['{"series":"orders","a":"1.10","b":"2"}', { series: 'orders', a: '1.10', b: '2' }],
  ['{"a":"1","b":"2"}', { series: '', a: '1', b: '2' }],
  ['{"a":1.10,"b":-0}', { series: '', a: '1.10', b: '-0' }],
  [
    '{"a":12345678901234567890.123456789012345678,"b":1}',
    { series: '', a: '12345678901234567890.123456789012345678', b: '1' },
  ],
  ['{"a":1e3,"b":1}', { series: '', a: '1e3', b: '1' }],
  ['  {"b":"2","a":"1","series":"é\\u0000"}  ', { series: 'é\u0000', a: '1', b: '2' }],
];

for (const [line, row] of good) {
  test(`${line} keeps every digit`, () => {
    assert.deepEqual(parseNdjsonLine(line), { ok: true, ...row });
  });
}

const bad: [line: string, problem: RegExp][] = [
  ['{', /is not JSON/],
  ['NaN', /is not JSON/],
  ['5', /must be a JSON object/],
  ['null', /must be a JSON object/],
  ['["orders","1","2"]', /must be a JSON object/],
  ['{"a":"1"}', /b must be a decimal/],
  ['{"a":null,"b":"1"}', /a must be a decimal/],
  ['{"a":true,"b":"1"}', /a must be a decimal/],
  ['{"a":["1"],"b":"1"}', /a must be a decimal/],
  ['{"series":5,"a":"1","b":"1"}', /series must be a string/],
  ['{"a":"1","b":"1","c":"1"}', /unknown field "c"/],
  ['{"series":"d","a":"1","a":"2","b":"0"}', /has the key "a" twice/],
  ['{"a":"1","\\u0061":"2","b":"0"}', /has the key "\\u0061" twice/],
  ['{"a":"1","b":{"c":1,"c":2}}', /has the key "c" twice/],
  ['{"__proto__":"x","a":"1","b":"1"}', /unknown field "__proto__"/],
];

for (const [line, problem] of bad) {
  test(`${line} is refused`, () => {
    const parsed = parseNdjsonLine(line);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, problem);
  });
}
